import { limits } from '#limits'
import { longestTimer } from './connect.ts'
import type { Connection } from './connect.ts'

/** What a server lists, as it says it: whoever reads it takes what he can use. At most limits.mcpPagesMax pages and limits.mcpListedMax tools. */
export async function listTools({ client, takeListed }: Connection, signal: AbortSignal): Promise<unknown[]> {
  if (!client.getServerCapabilities()?.tools) return []
  takeListed()
  let cursor: string | undefined
  for (let page = 0; page < limits.mcpPagesMax; page += 1) {
    const params = cursor === undefined ? {} : { cursor }
    const { nextCursor } = await client.request({ method: 'tools/list', params }, { signal, timeout: longestTimer })
    if (nextCursor === undefined || nextCursor === cursor) break
    cursor = nextCursor
  }
  return takeListed()
}
