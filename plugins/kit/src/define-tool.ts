import type { ToolDefinition } from './tool-definition.ts'
import type { ToolContext, ToolReturn } from './context.ts'
import type { Hooks } from './hooks.ts'

/** A tool that can run: its definition and its functions. */
export type Tool = ToolDefinition & {
  run(parameters: Readonly<Record<string, unknown>>, context: ToolContext): Promise<ToolReturn> | ToolReturn
  /** What the owner is shown before the call may run. Changes nothing and remembers nothing; fails as `run` would. */
  preview?(parameters: Readonly<Record<string, unknown>>, context: ToolContext): Promise<ToolPreview>
  /** What this very call would touch, where the annotations do not tell it. Looks at the parameters alone, and never fails. */
  touches?(parameters: Readonly<Record<string, unknown>>): CallTouches
}

/** What the policy has to know of one call. Only what comes with codegend is believed: a foreign tool's files and clipboard are guarded behind its context. */
export type CallTouches = {
  /** Paths it writes, as its parameters name them. */
  readonly writes?: readonly string[]
  /** It reads what belongs to its owner and to no project, such as what was copied last. */
  readonly personal?: boolean
}

/** The whole of what a call is about to do: a command line, a diff or an address. */
export type ToolPreview = { command?: string; diff?: string; url?: string }

/** What a plugin's module exports as its default: tools, hooks, or both. Importing it does nothing. */
export type Plugin = Hooks & { readonly tools?: readonly Tool[] }

/**
 * Ties a definition to the function that runs it. `parameters` were checked against the definition's schema before `run` is called; a thrown
 * Failure becomes an error result that the model reads, anything else thrown is `tool.failed`. `before` is what is asked before it runs.
 */
export function defineTool<Parameters extends Readonly<Record<string, unknown>>>(
  definition: Omit<ToolDefinition, 'parameters'> & { readonly parameters: object },
  run: (parameters: Parameters, context: ToolContext) => Promise<ToolReturn> | ToolReturn,
  before: {
    preview?(parameters: Parameters, context: ToolContext): Promise<ToolPreview>
    touches?(parameters: Parameters): CallTouches
  } = {},
): Tool {
  // `Tool` has them as methods, whose parameters may be narrower here: the host checks them against the schema that `Parameters` is inferred from.
  return { ...definition, parameters: { ...definition.parameters }, run, ...before }
}

/** Names the tools of a plugin, and its hooks. */
export function definePlugin(tools: readonly Tool[], hooks: Hooks = {}): Plugin & { readonly tools: readonly Tool[] } {
  return { ...hooks, tools }
}
