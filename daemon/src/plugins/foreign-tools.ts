import type { Tool } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import type { ToolDefinition } from '@codegen/protocol/tool'
import type { ForeignTool, ForeignTools, LoadedTool } from './host.ts'
import type { InstalledPlugin } from './installed-plugin.ts'
import { isOfferedIn } from './plugin-root.ts'

export type ForeignToolsParts = {
  /** The plugins that are offered. */
  all(): readonly InstalledPlugin[]
  /** The tool as it is called: with whoever is told of its calls. */
  told(plugin: InstalledPlugin, tool: Tool): Tool
}

/** The tools of the plugins that serve now. */
export function toForeignTools({ all, told }: ForeignToolsParts): ForeignTools {
  return {
    definitions: () =>
      all()
        .flatMap(toDefinitions)
        .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    find(name, cwd) {
      const found = findTool(all(), name, cwd)
      if (!found) return undefined
      const { plugin, ...loaded } = found
      return { ...loaded, tool: told(plugin, loaded.tool) }
    },
  }
}

function toDefinitions({ root, manifest, serving }: InstalledPlugin): ForeignTool[] {
  const source = `plugin ${manifest?.name}`
  const place = root.project === undefined ? {} : { root: root.project }
  return (serving?.tools ?? []).map((tool) => ({ ...tool, ...place, source }))
}

type FoundTool = LoadedTool & { readonly plugin: InstalledPlugin }

function findTool(plugins: readonly InstalledPlugin[], name: string, cwd: string): FoundTool | undefined {
  for (const plugin of plugins) {
    if (!isOfferedIn(plugin.root.project, cwd)) continue
    const definition = plugin.serving?.tools.find((tool) => tool.name === name)
    if (definition)
      return {
        plugin,
        tool: toTool(plugin, definition),
        source: `plugin ${plugin.manifest?.name}`,
        isForeign: true,
        isHeld: plugin.containment !== 'none',
      }
  }
  return undefined
}

/** A call runs in the version that serves when it begins, which may be a newer one than it was decided with. */
function toTool(plugin: InstalledPlugin, definition: ToolDefinition): Tool {
  const { name, annotations } = definition
  return {
    ...definition,
    run(parameters, context) {
      const { serving } = plugin
      if (serving?.tools.some((tool) => tool.name === name)) {
        return serving.call(name, { parameters, context, readOnly: annotations?.readOnly ?? false })
      }
      throw new Failure('tool.unavailable', `The plugin ${plugin.manifest?.name} offers ${name} no more.`)
    },
  }
}
