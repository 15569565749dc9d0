import { Client, ProtocolError, SdkHttpError } from '@modelcontextprotocol/client'
import { limits } from '#limits'
import { readVersion } from '#version'
import type { Channel } from './channel.ts'
import { openHttpChannel } from './http-channel.ts'
import { toOrderly } from './orderly-transport.ts'
import { openStdioChannel } from './stdio-channel.ts'
import type { McpLaunch } from './to-launch.ts'

/** A server that was greeted. */
export type Connection = {
  readonly client: Client
  readonly channel: Channel
  /** What the server has listed since this was asked last, as it said it. */
  takeListed(): unknown[]
}

export type ConnectOptions = {
  readonly launch: McpLaunch
  /** Where a server of ours may keep things. */
  readonly dataDir: string
  /** Hears what a server of ours prints on stderr. */
  printed(text: string): void
  /** Each channel as it is opened, so that it can be ended meanwhile. */
  opened(channel: Channel): void
  toolsChanged(): void
  readonly signal: AbortSignal
}

/** The protocol by `initialize`, which nearly every server speaks, and as it is since 2026-07-28 for those that speak nothing older. */
const eras = [
  { versionNegotiation: { mode: 'legacy' } },
  { versionNegotiation: { mode: { pin: '2026-07-28' } } },
] as const

/**
 * Starts or dials a server and greets it in a protocol both speak. Fails with what the library says, or with the signal's reason; the last channel that was opened is the
 * caller's to end.
 */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const [older, newer] = eras
  try {
    return await connectIn(older, options)
  } catch (error) {
    options.signal.throwIfAborted()
    if (!isOtherEra(error)) throw error
    return connectIn(newer, options)
  }
}

async function connectIn(era: (typeof eras)[number], options: ConnectOptions): Promise<Connection> {
  const { launch, signal } = options
  const channel = launch.kind === 'stdio' ? openStdioChannel(launch, options) : openHttpChannel(launch)
  options.opened(channel)
  const client = new Client(
    { name: 'codegen', version: readVersion() },
    {
      ...era,
      jsonSchemaValidator: { getValidator: checkNothing },
    },
  )
  client.setNotificationHandler('notifications/tools/list_changed', options.toolsChanged)
  const listed: unknown[] = []
  const keep = (tools: readonly unknown[]): void => {
    for (const tool of tools) if (listed.length < limits.mcpListedMax) listed.push(tool)
  }
  await client.connect(toOrderly(channel.transport, keep), { signal, timeout: longestTimer })
  // Since 2026-07-28 a server says so to those alone who ask for it. One that does not know how is asked at its next start.
  if (client.getProtocolEra() === 'modern') client.listen({ toolsListChanged: true }).catch(() => undefined)
  return { client, channel, takeListed: () => listed.splice(0) }
}

/** Its answer was that it does not know `initialize`. */
function isOtherEra(error: unknown): boolean {
  return error instanceof ProtocolError || (error instanceof SdkHttpError && error.status === 400)
}

/** A server's schema of its own answers is checked by nobody here: a stranger's patterns are not run. */
function checkNothing(): never {
  throw new Error('No schema of a server is compiled.')
}

/** Signals bound requests here. */
export const longestTimer = 2 ** 31 - 1
