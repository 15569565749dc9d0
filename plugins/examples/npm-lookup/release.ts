/** What the registry says of one version of a package. */
export type Release = {
  name: string
  version: string
  description?: string
  licence: string
  /** Why it is deprecated. */
  deprecated?: string
  node?: string
  dependencies: string[]
  homepage?: string
}

/** Reads the registry's answer. Undefined where it is none: whoever answers is not to be believed. */
export function readRelease(text: string): Release | undefined {
  const found = parse(text)
  if (!isRecord(found) || typeof found['name'] !== 'string' || typeof found['version'] !== 'string') return undefined
  const { name, version, license, dependencies, engines } = found
  return {
    name,
    version,
    licence: typeof license === 'string' ? license : 'not stated',
    dependencies: isRecord(dependencies)
      ? Object.entries(dependencies).map(([other, range]) => `${other} ${String(range)}`)
      : [],
    ...textOf('description', found['description']),
    ...textOf('deprecated', found['deprecated']),
    ...textOf('node', isRecord(engines) ? engines['node'] : undefined),
    ...textOf('homepage', found['homepage']),
  }
}

/** For a model: the warning first. */
export function releaseInWords(release: Release): string {
  const { name, version, description, licence, deprecated, node, dependencies, homepage } = release
  const shown = dependencies.slice(0, 30)
  const more = dependencies.length > shown.length ? ` and ${dependencies.length - shown.length} more` : ''
  const lines = [
    ...(deprecated === undefined ? [] : [`DEPRECATED: ${deprecated}`]),
    `${name} ${version}${description === undefined ? '' : `: ${description}`}`,
    `licence: ${licence}`,
    ...(node === undefined ? [] : [`node: ${node}`]),
    `depends on: ${shown.join(', ') || 'nothing'}${more}`,
    ...(homepage === undefined ? [] : [`home: ${homepage}`]),
  ]
  return lines.join('\n')
}

const charactersMax = 500

function textOf<Name extends string>(name: Name, value: unknown): Partial<Record<Name, string>> {
  if (typeof value !== 'string' || value === '') return {}
  const found: Partial<Record<Name, string>> = {}
  found[name] = value.replaceAll(/\s+/g, ' ').slice(0, charactersMax)
  return found
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
