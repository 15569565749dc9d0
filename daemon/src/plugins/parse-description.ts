import { Failure } from '@codegen/protocol/failure'
import type { ToolDefinition } from '@codegen/protocol/tool'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { HookName } from '#plugin-process/runner-messages'
import { parseTools } from './parse-tools.ts'

/** What a plugin has: tools, hooks, or both. */
export type Description = { readonly tools: readonly ToolDefinition[]; readonly hooks: readonly HookName[] }

const validator = Compile(
  Type.Object({ tools: Type.Unknown(), hooks: Type.Array(Type.Enum(['beforeTool', 'afterTool'])) }),
)

/** Reads what a plugin says it has; a list is its tools alone. Fails with plugin.broken, naming what is wrong. */
export function parseDescription(described: unknown): Description {
  const said = Array.isArray(described) ? { tools: described, hooks: [] } : described
  if (!validator.Check(said)) throw new Failure('plugin.broken', 'It did not say what its tools and hooks are.')
  const tools = parseTools(said.tools)
  if (tools.length === 0 && said.hooks.length === 0)
    throw new Failure('plugin.broken', 'It has no tools and no hooks; its default export is { tools: [...] }.')
  return { tools, hooks: said.hooks }
}
