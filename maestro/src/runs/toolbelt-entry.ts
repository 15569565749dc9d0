import { digestOf } from './context.ts'
import type { Dialect } from './dialect.ts'
import type { LogEntry, RunText } from './log-entry.ts'
import type { Toolbelt } from './ports.ts'

type Offer = {
  readonly systemDigest: string
  readonly tools: RunText
  readonly toolbelt: Toolbelt
  /** Those that may not be on record yet. */
  readonly texts: readonly RunText[]
}

/** The entry that says which instructions and tools a run's model is told of from here on. */
export function toToolbeltEntry(generationId: string, { systemDigest, tools, toolbelt, texts }: Offer): LogEntry {
  return {
    fact: {
      type: 'toolbelt',
      payload: {
        generation_id: generationId,
        system_digest: systemDigest,
        tools_digest: tools.digest,
        tools: [...toolbelt.names],
      },
    },
    shown: null,
    internal: null,
    texts,
  }
}

/** A toolbelt's tool list as a run's requests carry it. */
export function toToolsText(dialect: Dialect, { json }: Toolbelt): RunText {
  return toText(dialect.tools(json))
}

export function toText(body: string): RunText {
  return { digest: digestOf(body), body }
}
