/** What a server gets of codegend's environment without asking: who and where the owner is, language, time, and whom to trust. `X_*` is every name that begins so. */
const basics = [
  ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'TERM', 'LANG', 'LANGUAGE', 'LC_*', 'TZ'],
  ['TMPDIR', 'TMP', 'TEMP', 'XDG_*', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_EXTRA_CA_CERTS'],
].flat()

/** The environment of a server's process: the basics, then what its entry names. */
export function toServerEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  named: Readonly<Record<string, string>>,
): Record<string, string> {
  const given: Record<string, string> = {}
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && isBasic(name)) given[name] = value
  }
  return { ...given, ...named }
}

function isBasic(name: string): boolean {
  return basics.some((basic) => (basic.endsWith('*') ? name.startsWith(basic.slice(0, -1)) : name === basic))
}
