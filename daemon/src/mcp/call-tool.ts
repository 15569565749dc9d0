import type { ToolReturn } from '@codegen/kit'
import type { StandardSchemaV1 } from '@modelcontextprotocol/client'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'
import type { ProcessCall } from '#plugin-process/plugin-process'
import { longestTimer } from './connect.ts'
import type { Connection } from './connect.ts'
import { isConnectionLost, toReason } from './to-failure.ts'
import { toProgressText } from './to-news-text.ts'
import { toToolReturn } from './to-tool-return.ts'

/** A tool by the name it is offered by, and by the server's own. */
export type CalledTool = { readonly server: string; readonly name: string; readonly original: string }

export type CallSide = Connection & {
  /** Where the server is, when its process is not ours. */
  readonly url: URL | undefined
  /** The connection is of no more use. */
  lost(): void
}

/** Runs a tool of a server. Fails as PluginProcess's `call` does. */
export async function callTool(tool: CalledTool, call: ProcessCall, side: CallSide): Promise<ToolReturn> {
  const { signal } = call.context
  const endIfStuck = (): void => {
    if (!side.url) checkIfStuck(side).catch(side.channel.end)
  }
  signal.addEventListener('abort', endIfStuck, { once: true })
  try {
    return await Promise.race([ask(tool, call, side), whenGone(tool, side)])
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof Failure) throw error
    if (isConnectionLost(error)) side.lost()
    throw new Failure('tool.failed', `${tool.name}: the server ${tool.server} failed: ${toReason(error, side.url)}.`)
  } finally {
    signal.removeEventListener('abort', endIfStuck)
  }
}

async function ask(tool: CalledTool, { parameters, context }: ProcessCall, { client }: CallSide): Promise<ToolReturn> {
  const params = { name: tool.original, arguments: parameters }
  const answer = await client.request({ method: 'tools/call', params }, anything, {
    signal: context.signal,
    timeout: longestTimer,
    onprogress: (progress) => context.progress(toProgressText(progress)),
  })
  return toToolReturn(tool.name, answer)
}

/** An answer is read here and not by the library, which knows no kinds of content but its own. */
const anything: StandardSchemaV1<unknown, unknown> = {
  '~standard': { version: 1, vendor: 'codegen', validate: (value) => ({ value }) },
}

async function whenGone({ server }: CalledTool, { channel }: CallSide): Promise<never> {
  const how = await channel.gone
  throw new Failure('tool.failed', `The plugin ${server} ended (${how}) before it had answered.`)
}

/** A call that was ended may have left the process stuck. Fails where it has. */
async function checkIfStuck({ client }: Connection): Promise<void> {
  const options = { timeout: limits.pluginPingMsMax }
  await (client.getProtocolEra() === 'modern' ? client.discover(options) : client.ping(options))
}
