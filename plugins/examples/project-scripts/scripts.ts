import type { Files } from './kit/context.ts'

export type Manager = 'npm' | 'pnpm' | 'yarn' | 'bun'

/** The lock file tells who runs the scripts of a project. */
const managers: readonly (readonly [lock: string, manager: Manager])[] = [
  ['pnpm-lock.yaml', 'pnpm'],
  ['yarn.lock', 'yarn'],
  ['bun.lock', 'bun'],
  ['bun.lockb', 'bun'],
]

/** The scripts of the package.json in a folder of the workspace. Fails where there is none that can be read, saying so. */
export async function findScripts(
  files: Files,
  folder: string,
): Promise<{ scripts: Record<string, string>; manager: Manager }> {
  const { bytes } = await files.read(`${folder}/package.json`, { bytesMax: 1_000_000, shown: false })
  const found: unknown = JSON.parse(new TextDecoder().decode(bytes))
  const scripts = isRecord(found) && isRecord(found['scripts']) ? found['scripts'] : {}
  const texts = Object.entries(scripts).flatMap(([name, command]) =>
    typeof command === 'string' ? [[name, command] as const] : [],
  )
  return { scripts: Object.fromEntries(texts), manager: await findManager(files, folder) }
}

async function findManager(files: Files, folder: string): Promise<Manager> {
  for (const [lock, manager] of managers) if (await files.stat(`${folder}/${lock}`)) return manager
  return 'npm'
}

/** A command line in which the arguments are words, whatever is in them. */
export function toCommand(manager: Manager, name: string, args: readonly string[]): string {
  // npm takes what stands before `--` for itself; the others hand on all that follows the name.
  const between = manager === 'npm' && args.length > 0 ? ['--'] : []
  return [manager, 'run', ...[name, ...between, ...args].map(quote)].join(' ')
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
