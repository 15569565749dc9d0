import type { Handshake } from '@codegen/protocol/wire'
import type { Toolbelt } from '#runs/ports'
import { createToolbelt } from './toolbelt.ts'

type Announced = Pick<Handshake, 'known_tools' | 'custom_tools'>
type Custom = Announced['custom_tools']

/**
 * The toolbelts of one executor's runs: a custom tool that names a root is in those of runs in and below it. Of two with one name the one with the inner root is. A
 * toolbelt is made when the first run of its kind asks for it.
 */
export function createToolbelts(announced: Announced): { of(cwd: string): Toolbelt } {
  const roots = [...new Set(announced.custom_tools.flatMap(({ root }) => root ?? []))]
  const made = new Map<string, Toolbelt>()
  return {
    of(cwd) {
      const here = new Set(roots.filter((root) => isIn(root, cwd)))
      const key = JSON.stringify([...here])
      const toolbelt = made.get(key) ?? createToolbelt({ ...announced, custom_tools: toOffered(announced, here) })
      made.set(key, toolbelt)
      return toolbelt
    },
  }
}

/** From the outermost on: of tools with one name the last one counts. */
function toOffered({ custom_tools }: Announced, here: ReadonlySet<string>): Custom {
  return custom_tools
    .filter(({ root }) => root === undefined || here.has(root))
    .toSorted((a, b) => (a.root ?? '').length - (b.root ?? '').length)
}

function isIn(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith('/') ? root : `${root}/`)
}
