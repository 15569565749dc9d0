import type { RunTool } from '@codegen/protocol/wire'

/** What the calls need of who traces them. Its methods are cheap and never throw. */
export type CallTraces = {
  /** A call has arrived; undefined where its trace is not followed. */
  call(call: RunTool): CallTrace | undefined
}

export type CallTrace = {
  /** A question is put to the owner. Returns what is to be told of its end. */
  question(): (outcome: string) => void
  ended(status: string): void
}
