/**
 * What a command may know of the daemon's environment: who and where the owner is, language, time, and where tool chains live. Nothing that
 * holds a secret and nothing that makes a shell or a loader run something else. `X_*` stands for every name that begins so.
 */
const passed = [
  ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LANGUAGE', 'LC_*', 'TZ', 'TMPDIR', 'XDG_*'],
  ['JAVA_HOME', 'GOPATH', 'GOROOT', 'CARGO_HOME', 'RUSTUP_HOME', 'NVM_DIR', 'VOLTA_HOME', 'PNPM_HOME', 'PYENV_ROOT'],
  ['VIRTUAL_ENV', 'CONDA_PREFIX', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_EXTRA_CA_CERTS'],
].flat()

/** Never passed, whatever the owner listed: they run code in every shell or program that starts. */
const neverPassed = [
  'BASH_ENV',
  'ENV',
  'BASH_FUNC_*',
  'SHELLOPTS',
  'BASHOPTS',
  'PS4',
  'LD_PRELOAD',
  'LD_AUDIT',
  'DYLD_INSERT_LIBRARIES',
]

/** No colours, no pager, no editor, no question: there is nobody at a command's terminal. */
const fixed: Readonly<Record<string, string>> = {
  NO_COLOR: '1',
  TERM: 'dumb',
  PAGER: 'cat',
  GIT_PAGER: 'cat',
  MANPAGER: 'cat',
  SYSTEMD_PAGER: 'cat',
  GIT_TERMINAL_PROMPT: '0',
  GIT_EDITOR: 'true',
  GIT_SEQUENCE_EDITOR: 'true',
  EDITOR: 'true',
  VISUAL: 'true',
}

/**
 * The environment every command gets, made once from the daemon's own. `ownerNames` are names the owner's config adds to the list above;
 * a name not listed is never passed.
 */
export function toCommandEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  ownerNames: readonly string[] = [],
): Readonly<Record<string, string>> {
  const allowed = [...passed, ...ownerNames]
  const command: Record<string, string> = {}
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && isListed(name, allowed) && !isListed(name, neverPassed)) command[name] = value
  }
  return { ...command, ...fixed }
}

function isListed(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern))
}
