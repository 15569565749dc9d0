import { builtInTools } from '@codegen/protocol/built-in'
import type { DaemonMethods } from '@codegen/protocol/local'
import type { ListedTool } from '#plugins/host'

/** The tools as clients on the local socket see them: with the schema of their parameters. */
export function toListing(tools: readonly ListedTool[]): DaemonMethods['tools/list']['result']['tools'] {
  return tools.map((tool) => {
    const parameters = builtInTools.find(({ name }) => name === tool.name)?.parameters
    return parameters ? { ...tool, parameters: { ...parameters } } : tool
  })
}
