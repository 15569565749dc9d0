import { setTimeout as delay } from 'node:timers/promises'
import type { ToolContext } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'
import type { PluginProcess, ProcessEnd } from '#plugin-process/plugin-process'
import { callTool } from './call-tool.ts'
import type { Channel } from './channel.ts'
import type { OfferedTools } from './offered-tools.ts'
import { openServer } from './open-server.ts'
import type { OpenServerOptions } from './open-server.ts'
import { isClosed, toReason } from './to-failure.ts'
import { within } from './within.ts'

export type McpProcessOptions = Pick<
  OpenServerOptions,
  'name' | 'launch' | 'dataDir' | 'printed' | 'startMsMax' | 'described'
>

/** Starts or dials one server. Its tools are asked for at once. */
export function startMcpProcess(options: McpProcessOptions): PluginProcess {
  const { name, launch } = options
  const url = launch.kind === 'http' ? launch.url : undefined
  const { promise: ended, resolve } = Promise.withResolvers<ProcessEnd>()
  const leaving = new AbortController()
  const contexts = new Set<ToolContext>()
  let channel: Channel | undefined
  let originals: ReadonlyMap<string, string> = new Map()
  // A server that is not ours does not crash here.
  let asked = url !== undefined

  const described = (offered: OfferedTools): void => {
    originals = offered.originals
    options.described(offered)
  }
  const opened = (made: Channel): void => void (channel = made)
  const opening = openServer({ ...options, described, signal: leaving.signal, contexts, opened })
  opening
    .catch(() => channel?.end())
    .then(() => channel?.gone ?? 'it was never there')
    .then((how) => resolve({ asked, how, complaint: channel?.complaint() ?? '' }))
    .catch(() => undefined)

  function end(): void {
    asked = true
    leaving.abort(new Failure('tool.failed', `The plugin ${name} was ended.`))
    channel?.end()
  }

  return {
    ended,
    end,
    async describe() {
      try {
        return (await opening).offered
      } catch (error) {
        throw new Failure('plugin.broken', await whyNotOpened(error, { name, url, channel }))
      }
    },
    async call(tool, call) {
      const { signal } = call.context
      const connection = await within(opening, signal).catch(async (error: unknown) => {
        signal.throwIfAborted()
        throw new Failure('tool.unavailable', await whyNotOpened(error, { name, url, channel }))
      })
      const original = originals.get(tool)
      if (original === undefined) throw new Failure('tool.unavailable', `The server ${name} offers ${tool} no more.`)
      contexts.add(call.context)
      try {
        return await callTool({ server: name, name: tool, original }, call, { ...connection, url, lost: end })
      } finally {
        contexts.delete(call.context)
      }
    },
  }
}

type Unopened = { readonly name: string; readonly url: URL | undefined; readonly channel: Channel | undefined }

async function whyNotOpened(thrown: unknown, { name, url, channel }: Unopened): Promise<string> {
  const how = isClosed(thrown) ? await Promise.race([channel?.gone, delay(limits.mcpLeaveMsMax)]) : undefined
  const reason = how === undefined ? toReason(thrown, url) : `its process ended (${how})`
  const said = toComplaint(channel?.complaint() ?? '')
  return `The server ${name} could not be started: ${reason}.${said === '' ? '' : ` It said: ${said}`}`
}

/** The line that names an error, or the last ones. */
function toComplaint(said: string): string {
  const line = /^.*\b(?:\w*Error|error)\b.*$/m.exec(said)?.[0]
  return (line ?? said.trim().split('\n').slice(-complaintLines).join(' | ')).trim().slice(0, complaintCharactersMax)
}

const complaintLines = 3
const complaintCharactersMax = 400
