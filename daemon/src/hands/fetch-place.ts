import type { LookupAddress } from 'node:dns'

/** On whose behalf and within which bounds a call reaches the network. */
export type FetchPlace = {
  /** The owner's list; see `parseAllowedHosts`. */
  allowedHosts: readonly string[]
  signal: AbortSignal
  /** Where names become addresses; the system's resolver when absent. */
  lookup?: LookupAll
}

/** All addresses of a name. */
export type LookupAll = (hostname: string) => Promise<readonly LookupAddress[]>
