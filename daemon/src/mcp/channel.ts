import type { Transport } from '@modelcontextprotocol/client'

/** The way to one server: a transport of the protocol's library, and what becomes of the server. */
export type Channel = {
  readonly transport: Transport
  /** What the server said last on stderr. */
  complaint(): string
  /** Leaves the server, ending its process where it is ours. */
  end(): void
  /** How it ended, once nothing of it is left. */
  readonly gone: Promise<string>
}
