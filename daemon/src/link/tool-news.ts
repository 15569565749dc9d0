import type { ToolDefinition } from '@codegen/protocol/tool'
import type { ServerFeature, Welcome } from '@codegen/protocol/wire'
import type { Outbox } from './outbox.ts'

/** What Maestro is told when this machine's tools have changed. */
export type ToolNews = {
  /** All there is from now on, as handshakes tell it already: names, and what is behind those that are no built-ins. Maestro hears of it now, or with the next handshake. */
  announce(known: readonly string[], custom: readonly ToolDefinition[]): void
  /** A handshake, which tells all there is, is being made. */
  greeting(): void
  /** Before anything is sent on the new link. */
  welcomed(welcome: Welcome): void
  disconnected(): void
}

type Snapshot = { readonly known: readonly string[]; readonly custom: readonly ToolDefinition[] }

/** `redial`: a server that takes no `tools_changed` learns it from a new handshake. */
export function createToolNews({ outbox, redial }: { outbox: Outbox; redial(): void }): ToolNews {
  let revision = 0
  let newest: Snapshot | undefined
  let kept: string | undefined
  let server: 'none' | 'takes' | 'takes-not' = 'none'

  function tell({ known, custom }: Snapshot): void {
    if (server === 'none') return
    // In a moment: a link that is just being welcomed counts as open only then.
    if (server === 'takes-not') return queueMicrotask(redial)
    revision += 1
    const sorted = custom.toSorted((a, b) => (a.name < b.name ? -1 : 1))
    const payload = { revision, known_tools: [...known], custom_tools: sorted }
    kept = outbox.keep({ type: 'tools_changed', payload })
  }

  return {
    announce(known, custom) {
      newest = { known, custom }
      tell(newest)
    },
    greeting() {
      newest = undefined
    },
    welcomed({ features = [] }) {
      const wanted: ServerFeature = 'tools_changed'
      server = features.includes(wanted) ? 'takes' : 'takes-not'
      // The handshake has told of it.
      if (kept !== undefined) outbox.withdraw(kept)
      if (newest) tell(newest)
    },
    disconnected() {
      server = 'none'
    },
  }
}
