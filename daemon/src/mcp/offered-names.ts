import { createHash } from 'node:crypto'

const charactersMax = 64
const digestCharacters = 8

/**
 * What the tools of a server are called here: `<server>_<tool>`, in the characters a name may have. One that is too long, or that would be called like another, ends in
 * a digest of what the server calls it, so that its name depends on no other tool's place in the list.
 */
export function toOfferedNames(server: string, tools: readonly string[]): ReadonlyMap<string, string> {
  const plain = new Map(tools.map((tool) => [tool, clean(`${server}_${tool}`)]))
  const counts = new Map<string, number>()
  for (const name of plain.values()) counts.set(name, (counts.get(name) ?? 0) + 1)
  const named = [...plain].map(([tool, name]) => {
    const isUsable = name.length <= charactersMax && counts.get(name) === 1
    return [tool, isUsable ? name : withDigest(name, tool)] as const
  })
  return new Map(named)
}

function clean(name: string): string {
  const cleaned = name.replaceAll(/[^A-Za-z0-9_-]+/g, '_')
  return /^[A-Za-z]/.test(cleaned) ? cleaned : `mcp_${cleaned}`
}

function withDigest(name: string, tool: string): string {
  const digest = createHash('sha256').update(tool).digest('hex').slice(0, digestCharacters)
  return `${name.slice(0, charactersMax - digestCharacters - 1)}_${digest}`
}
