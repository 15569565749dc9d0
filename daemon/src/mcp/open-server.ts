import { setTimeout as delay } from 'node:timers/promises'
import type { ToolContext } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'
import type { Channel } from './channel.ts'
import { connect } from './connect.ts'
import type { Connection } from './connect.ts'
import { listTools } from './list-tools.ts'
import { toOfferedTools } from './offered-tools.ts'
import type { OfferedTools } from './offered-tools.ts'
import { toLogText } from './to-news-text.ts'
import type { McpLaunch } from './to-launch.ts'
import { within } from './within.ts'

export type OpenServerOptions = {
  /** The server's. */
  readonly name: string
  readonly launch: McpLaunch
  readonly dataDir: string
  /** Hears what a server of ours prints on stderr. */
  printed(text: string): void
  readonly startMsMax: number
  /** Aborted when it is no longer wanted. */
  readonly signal: AbortSignal
  /** Of the calls that run. */
  readonly contexts: ReadonlySet<ToolContext>
  opened(channel: Channel): void
  /** It has said what its tools are: at its start, and whenever they change. */
  described(offered: OfferedTools): void
}

export type OpenServer = Connection & { readonly offered: OfferedTools }

/** Greets a server and asks for its tools, and goes on asking whenever they change. Fails as `connect` does, or with plugin.broken when that takes too long. */
export async function openServer(options: OpenServerOptions): Promise<OpenServer> {
  const { name, startMsMax, described } = options
  const late = new AbortController()
  const reason = new Failure('plugin.broken', `it was not ready within ${startMsMax} ms`)
  const timer = setTimeout(() => late.abort(reason), startMsMax)
  const signal = AbortSignal.any([options.signal, late.signal])
  let again: (() => void) | undefined
  try {
    const connection = await within(connect({ ...options, signal, toolsChanged: () => again?.() }), signal)
    hearLogs(connection, options.contexts)
    const list = (until: AbortSignal) => within(listTools(connection, until), until)
    const offered = toOfferedTools(name, await list(signal))
    again = createListing(async () => described(toOfferedTools(name, await list(options.signal))))
    described(offered)
    return { ...connection, offered }
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    clearTimeout(timer)
  }
}

/** Whose call a log message is of nobody says; with more calls than one it is nobody's. */
function hearLogs({ client }: Connection, contexts: ReadonlySet<ToolContext>): void {
  client.setNotificationHandler('notifications/message', ({ params }) => {
    const [only, ...others] = contexts
    if (others.length === 0) only?.output(toLogText(params), 'log')
  })
}

/** One listing at a time, and one more a little later where it was asked for meanwhile. */
function createListing(list: () => Promise<void>): () => void {
  let [isListing, isStale] = [false, false]
  async function run(): Promise<void> {
    isListing = true
    while (isStale) {
      isStale = false
      await delay(limits.mcpListChangedMs, undefined, { ref: false })
      // A server that cannot say so now is asked at its next start.
      await list().catch(() => undefined)
    }
    isListing = false
  }
  return () => {
    isStale = true
    if (!isListing) run().catch(() => undefined)
  }
}
