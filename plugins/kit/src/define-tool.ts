import type { ToolDefinition } from '@codegen/protocol/tool'
import type { ToolContext, ToolReturn } from './context.ts'

/** A tool that can run: its definition and its one function. */
export type Tool = ToolDefinition & {
  run(parameters: Readonly<Record<string, unknown>>, context: ToolContext): Promise<ToolReturn> | ToolReturn
}

/** What a plugin's module exports as its default. Importing it does nothing. */
export type Plugin = { readonly tools: readonly Tool[] }

/**
 * Ties a definition to the function that runs it. `parameters` were checked against the definition's schema before `run` is called; a thrown
 * Failure becomes an error result that the model reads, anything else thrown is `tool.failed`.
 */
export function defineTool<Parameters>(
  definition: ToolDefinition,
  run: (parameters: Parameters, context: ToolContext) => Promise<ToolReturn> | ToolReturn,
): Tool {
  // The host checked the parameters against `definition.parameters`, which `Parameters` is inferred from: the one cast is here.
  return { ...definition, run: (parameters, context) => run(parameters as Parameters, context) }
}

/** Names the tools of a plugin. */
export function definePlugin(tools: readonly Tool[]): Plugin {
  return { tools }
}
