/** Folders whose every file can make something run later or change what CodeGen may do, at any depth. */
const protectedFolders = new Set(['.git', '.husky', '.vscode', '.idea', '.ssh', '.codegen'])

/** Files that a shell, git, a package manager or an editor reads before it works, at any depth. */
const protectedFiles = new Set([
  ...['.bashrc', '.bash_profile', '.bash_login', '.bash_logout', '.bash_aliases', '.profile', '.inputrc'],
  ...['.zshrc', '.zshenv', '.zprofile', '.zlogin', '.zlogout', '.kshrc', '.cshrc', '.tcshrc', '.login', '.xprofile'],
  ...['.gitconfig', '.gitmodules', '.envrc', '.npmrc', '.yarnrc', '.yarnrc.yml', '.pypirc', '.netrc', '.ripgreprc'],
  ...['.mcp.json', '.pre-commit-config.yaml', '.lefthook.yml', 'lefthook.yml'],
])

/** In `.codegen`, what a run is meant to write itself. */
const ownFiles = new Set(['plan.md'])

/**
 * Whether a write there changes what runs later, or what CodeGen may do: hooks and settings of git, shells, editors and of CodeGen, present or
 * not. `path` is relative to the run's root; letter case, Unicode form and the spellings that some file systems take for the same name make no
 * difference. `folders` are protected as well.
 */
export function isProtectedPath(path: string, folders: readonly string[] = []): boolean {
  const names = toNames(path)
  const last = names.at(-1)
  if (last === undefined) return true
  if (protectedFiles.has(last) || folders.some((folder) => startsWith(names, toNames(folder)))) return true
  const at = names.findIndex((name) => protectedFolders.has(name))
  if (at < 0) return false
  const isOwn = names[at] === '.codegen' && at === names.length - 2 && ownFiles.has(last)
  return !isOwn
}

function toNames(path: string): string[] {
  return path
    .split(/[\\/]/)
    .map(fold)
    .filter((name) => name !== '' && name !== '.')
}

/** One spelling for all that a case-insensitive or normalising file system may take for one name. */
function fold(name: string): string {
  const folded = name
    .normalize('NFKC')
    .replaceAll(/\p{Default_Ignorable_Code_Point}/gu, '')
    .toUpperCase()
    .toLowerCase()
    .normalize('NFKC')
  if (/^\.+$/.test(folded)) return folded
  // Windows drops dots and blanks at the end and what follows a colon, and knows long names by a short one.
  const plain = folded.replace(/:.*$/s, '').replace(/[. ]+$/, '')
  return /^git~\d$/.test(plain) ? '.git' : plain
}

function startsWith(names: readonly string[], beginning: readonly string[]): boolean {
  return beginning.length > 0 && beginning.every((name, index) => names[index] === name)
}
