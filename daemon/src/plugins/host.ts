import type { Tool } from '@codegen/kit'
import type { JsonSchema, ToolAnnotations, ToolDefinition } from '@codegen/protocol/tool'
import { builtInTools } from '@codegen/protocol/built-in'
import { Failure } from '@codegen/protocol/failure'
import { Compile } from 'typebox/compile'
import type { Validator } from 'typebox/compile'
import { isOfferedIn } from './plugin-root.ts'

/** A tool that can be called, with where it came from. */
export type LoadedTool = {
  readonly tool: Tool
  readonly source: string
  readonly isForeign: boolean
  /** codegend keeps it to what it says of itself. */
  readonly isHeld: boolean
}

/** A tool as it is listed. */
export type ListedTool = {
  name: string
  description: string
  parameters: Record<string, unknown>
  annotations: ToolAnnotations
  source: string
}

/** A built-in plugin and how to load it. Loading does nothing but importing. What comes with codegend has no hooks. */
export type BuiltInPlugin = { readonly name: string; load(): Promise<{ default: { readonly tools: readonly Tool[] } }> }

/** The tools of plugins that do not come with codegend. They come and go. */
export type ForeignTools = {
  /** By name. `root`: for those who work in this folder alone. */
  definitions(): readonly ForeignTool[]
  /** What somebody who works in `cwd` has of this name. */
  find(name: string, cwd: string): LoadedTool | undefined
}

export type ForeignTool = ToolDefinition & { readonly source: string }

/** Every tool of this daemon: load, check, start, use, stop. */
export type PluginHost = {
  /** Names of the tools that come with codegend, in the order a model sees them. Known before anything is loaded. */
  readonly toolNames: readonly string[]
  /** What Maestro is told of those that are no built-ins, by name. */
  customTools(): readonly ToolDefinition[]
  /** Those of them that somebody who works in `cwd` has. */
  customToolsIn(cwd: string): readonly ToolDefinition[]
  /** Loads and checks every plugin, once. A built-in that fails is a broken installation: internal. */
  load(): Promise<void>
  /** Whether running it again after a crash does no harm: read-only or idempotent. */
  isRepeatable(name: string): boolean
  isReadOnly(name: string): boolean
  /** Fails with tool.unknown. */
  find(name: string, cwd: string): Promise<LoadedTool>
  /** What somebody who works in `cwd` has. */
  list(cwd: string): ListedTool[]
  /** Fails with tool.bad_arguments, naming the field. */
  checkParameters(tool: Tool, parameters: Readonly<Record<string, unknown>>): void
}

/** A host for the plugins that come with codegend, and for the foreign ones beside them. */
export function createPluginHost(plugins: readonly BuiltInPlugin[], foreign: ForeignTools = noTools): PluginHost {
  const toolNames = builtInTools.map(({ name }) => name)
  // By schema: the tool of a foreign plugin is made anew for each call.
  const validators = new WeakMap<JsonSchema, Validator>()
  let loading: Promise<ReadonlyMap<string, LoadedTool>> | undefined
  const loaded = () => (loading ??= loadAll(plugins))

  return {
    toolNames,
    customTools: () => foreign.definitions().map(({ source: _source, ...definition }) => definition),
    customToolsIn: (cwd) => toolsIn(foreign, cwd).map(({ source: _source, root: _root, ...definition }) => definition),
    async load() {
      await loaded()
    },
    isRepeatable: (name) => {
      const annotations = builtInTools.find((tool) => tool.name === name)?.annotations
      return (annotations?.readOnly ?? false) || (annotations?.idempotent ?? false)
    },
    isReadOnly: (name) => builtInTools.find((tool) => tool.name === name)?.annotations.readOnly ?? false,
    async find(name, cwd) {
      const found = (await loaded()).get(name) ?? foreign.find(name, cwd)
      if (!found) throw new Failure('tool.unknown', `There is no tool "${name}" on this machine.`)
      return found
    },
    list: (cwd) => [
      ...builtInTools.map((tool) => toListed({ ...tool, parameters: { ...tool.parameters }, source: 'built-in' })),
      ...toolsIn(foreign, cwd).map(toListed),
    ],
    checkParameters(tool, parameters) {
      const validator = validators.get(tool.parameters) ?? Compile(tool.parameters)
      validators.set(tool.parameters, validator)
      if (validator.Check(parameters)) return
      const [first] = validator.Errors(parameters)
      const path = first?.instancePath.slice(1).replaceAll('/', '.') || 'parameters'
      const reason = first?.message === 'schema is false' ? 'is none it knows' : (first?.message ?? 'is wrong')
      throw new Failure('tool.bad_arguments', `${tool.name}: "${path}" ${reason}.`)
    },
  }
}

const noTools: ForeignTools = { definitions: () => [], find: () => undefined }

function toolsIn(foreign: ForeignTools, cwd: string): readonly ForeignTool[] {
  return foreign.definitions().filter(({ root }) => isOfferedIn(root, cwd))
}

type Listable = ToolDefinition & { readonly source: string }

function toListed({ name, description, parameters, annotations = {}, source }: Listable): ListedTool {
  return { name, description, parameters, annotations, source }
}

async function loadAll(plugins: readonly BuiltInPlugin[]): Promise<ReadonlyMap<string, LoadedTool>> {
  const tools = new Map<string, LoadedTool>()
  const known = new Set<string>(builtInTools.map(({ name }) => name))
  const modules = await Promise.all(plugins.map((plugin) => plugin.load()))
  for (const [index, module] of modules.entries()) {
    for (const tool of module.default.tools) {
      if (!known.has(tool.name) || tools.has(tool.name)) {
        throw new Failure(
          'internal',
          `The plugin ${plugins[index]?.name} brings the tool ${tool.name}, which is not its to bring.`,
        )
      }
      tools.set(tool.name, { tool, source: 'built-in', isForeign: false, isHeld: true })
    }
  }
  const missing = [...known].find((name) => !tools.has(name))
  if (missing) throw new Failure('internal', `No plugin brings the tool ${missing}; this installation is not whole.`)
  return tools
}
