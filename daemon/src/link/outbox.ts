import type { Failure } from '@codegen/protocol/failure'
import type { ExecutorFrame } from '@codegen/protocol/wire'
import type { Log } from '#log'
import { limits } from '#limits'

/** What is kept until Maestro has it on record. */
export type ReliableFrame = Extract<
  ExecutorFrame,
  {
    type:
      | 'tool_result'
      | 'start_run'
      | 'run_input'
      | 'cancel_run'
      | 'approval_requested'
      | 'approval_resolved'
      | 'tools_changed'
  }
>

/** What leaves for Maestro on the one link there is. */
export type Outbox = {
  /** Sends it now and again after each welcome until it is stored; returns its ref, `<type>:<key>`. */
  keep(frame: ReliableFrame): string
  /** As `keep`; resolves when Maestro has it on record, fails with what Maestro said against it. */
  confirm(frame: ReliableFrame): Promise<void>
  /** Sends it if there is a link. Live output is dropped when the link is behind. */
  offer(frame: ExecutorFrame): void
  /** Maestro has it on record. */
  stored(ref: string): void
  /** Maestro will not take it: it is not sent again. */
  refused(ref: string, failure: Failure): void
  withdraw(ref: string): void
  /** A welcome: what is kept is sent, oldest first, before anything else. */
  connect(link: OutboxLink): void
  disconnect(): void
  isConnected(): boolean
}

export type OutboxLink = { send(frame: ExecutorFrame): void; bufferedBytes(): number }

type Kept = { readonly frame: ReliableFrame; resolve(): void; reject(failure: Failure): void }

export function createOutbox(log: Log): Outbox {
  const kept = new Map<string, Kept>()
  let link: OutboxLink | undefined

  function add(frame: ReliableFrame, settle: Omit<Kept, 'frame'>): string {
    const ref = refOf(frame)
    if (frame.type === 'tools_changed') dropOlder(frame.type)
    kept.set(ref, { frame, ...settle })
    if (kept.size > limits.outboxMessagesMax) dropOldest()
    link?.send(frame)
    return ref
  }

  /** It tells everything: of these the newest will do. */
  function dropOlder(type: ReliableFrame['type']): void {
    for (const [ref, { frame }] of kept) if (frame.type === type) kept.delete(ref)
  }

  function dropOldest(): void {
    for (const ref of kept.keys()) {
      log.warn('too many messages wait for Maestro; the oldest is dropped', { ref })
      kept.delete(ref)
      return
    }
  }

  return {
    keep: (frame) => add(frame, { resolve: () => {}, reject: () => {} }),
    confirm: (frame) => new Promise((resolve, reject) => add(frame, { resolve, reject })),
    offer(frame) {
      if (!link) return
      if (frame.type === 'tool_output_delta' && link.bufferedBytes() > limits.linkBufferBytesMax) return
      link.send(frame)
    },
    stored(ref) {
      kept.get(ref)?.resolve()
      kept.delete(ref)
    },
    refused(ref, failure) {
      const found = kept.get(ref)
      if (!found) return
      log.warn('Maestro did not take a message', { ref, code: failure.code, reason: failure.message })
      kept.delete(ref)
      found.reject(failure)
    },
    withdraw: (ref) => void kept.delete(ref),
    connect(opened) {
      link = opened
      for (const { frame } of kept.values()) opened.send(frame)
    },
    disconnect() {
      link = undefined
    },
    isConnected: () => link !== undefined,
  }
}

function refOf(frame: ReliableFrame): string {
  if (frame.type === 'tools_changed') return `${frame.type}:${frame.payload.revision}`
  const { type, payload } = frame
  return `${type}:${'client_ref' in payload ? payload.client_ref : payload.tool_id}`
}
