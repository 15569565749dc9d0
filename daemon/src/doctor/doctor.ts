import type { Check } from '@codegen/protocol/wire'
import type { Environment } from '#config'
import { lookAtAll } from './look.ts'
import { machineLooks } from './machine.ts'
import { checkServer } from './server.ts'
import type { ServerSide } from './server.ts'

/** Everything a codegend that runs can say of itself, its Maestro and this machine, looked at side by side. Changes nothing, never fails. */
export async function lookAround(
  side: ServerSide & { readonly toolNames: readonly string[]; readonly environment: Environment },
  signal: AbortSignal,
): Promise<Check[]> {
  const { toolNames, environment } = side
  const tools = { name: 'tools', ok: toolNames.length > 0, says: `${toolNames.length}: ${toolNames.join(', ')}` }
  const [server, machine] = await Promise.all([checkServer(side, signal), lookAtAll(machineLooks(environment), signal)])
  return [...server, tools, ...machine]
}
