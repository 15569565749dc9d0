import type { Tool } from '@modelcontextprotocol/server'
import type { DaemonMethods } from '@codegen/protocol/local'

type ListedTool = DaemonMethods['tools/list']['result']['tools'][number]

/** A tool of codegend as MCP lists it. What it does not say about itself stays unsaid: clients then expect the worst. */
export function toTool({ name, description, parameters = {}, annotations = {} }: ListedTool): Tool {
  const { readOnly, destructive, idempotent, openWorld } = annotations
  return {
    name,
    description,
    inputSchema: { ...parameters, type: 'object' },
    annotations: {
      ...(readOnly === undefined ? {} : { readOnlyHint: readOnly }),
      ...(destructive === undefined ? {} : { destructiveHint: destructive }),
      ...(idempotent === undefined ? {} : { idempotentHint: idempotent }),
      ...(openWorld === undefined ? {} : { openWorldHint: openWorld }),
    },
  }
}
