import type { Tool, ToolContext, ToolReturn } from '@codegen/kit'
import { toFailure } from '@codegen/protocol/failure'
import type { PluginDevNews } from '@codegen/protocol/local'
import { limits } from '#limits'

/** The same tool, of whose calls each is told as it happens: what it is given, what it shows, and how it ends. */
export function tellingCalls(tool: Tool, tell: (news: PluginDevNews) => void): Tool {
  return {
    ...tool,
    async run(parameters, context) {
      const { toolId: tool_id } = context
      const started = performance.now()
      const ended = (status: 'success' | 'error', text: string): void =>
        tell({
          kind: 'result',
          tool_id,
          tool: tool.name,
          status,
          text: cut(text),
          characters: text.length,
          duration_ms: Math.round(performance.now() - started),
        })
      tell({ kind: 'call', tool_id, tool: tool.name, parameters: cut(JSON.stringify(parameters)) })
      try {
        const returned = await tool.run(parameters, telling(context, tell))
        ended(isError(returned) ? 'error' : 'success', typeof returned === 'string' ? returned : returned.text)
        return returned
      } catch (thrown) {
        ended('error', toFailure(thrown).message)
        throw thrown
      }
    },
  }
}

function telling(context: ToolContext, tell: (news: PluginDevNews) => void): ToolContext {
  const { toolId: tool_id } = context
  return {
    ...context,
    output(chunk, stream = 'stdout') {
      tell({ kind: 'output', tool_id, stream, chunk: cut(chunk) })
      context.output(chunk, stream)
    },
    progress(message) {
      tell({ kind: 'output', tool_id, stream: 'progress', chunk: cut(message) })
      context.progress(message)
    },
  }
}

function isError(returned: ToolReturn): boolean {
  if (typeof returned === 'string') return false
  return returned.isError === true || (returned.status !== undefined && returned.status !== 'success')
}

function cut(text: string): string {
  return text.slice(0, limits.pluginDevCharactersMax)
}
