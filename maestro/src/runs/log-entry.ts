import type { RunFact } from '@codegen/protocol/wire'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { RecapState } from './recap-state.ts'

/** One entry of a run's log: the fact viewers are sent, what it shows the model, and what neither sees. */
export type LogEntry = {
  readonly fact: RunFact
  /** Messages in the run's dialect, JSON texts joined by commas, rendered once; null when it shows the model nothing. */
  readonly shown: string | null
  readonly internal: EntryInternal | null
  /** What it names by digest and what is kept beside the log, where that is at hand. */
  readonly texts?: readonly RunText[]
}

/** A system prompt or a tool list; many runs have the same. */
export type RunText = { readonly digest: string; readonly body: string }

export type SavedEntry = LogEntry & { readonly position: number }

/** What a run may use up before it is ended. */
const RunBounds = Type.Object({ turns: Type.Integer(), tokens: Type.Integer(), seconds: Type.Integer() })
export type RunBounds = Static<typeof RunBounds>

/** What an entry keeps for Maestro alone. */
export const EntryInternal = Type.Object({
  /** Of an answer: SHA-256 of the request it answers. */
  request_digest: Type.Optional(Type.String()),
  /** Of a call and its result: the id the model gave its request. */
  request_id: Type.Optional(Type.String()),
  /** Of a call: the journal it was sent to; it is never sent to another. */
  journal_id: Type.Optional(Type.String()),
  timeout_ms: Type.Optional(Type.Integer()),
  /** Of a finished call: the executor's own word for how it ended, where we read it as another. */
  status_word: Type.Optional(Type.String()),
  /** Of a finished call that was never sent: the model's request was wrong. */
  wrong: Type.Optional(Type.Literal(true)),
  /** Of a compaction, where the model was asked for a summary: the question as it was shown, the entry before which the request ended, and the answer. */
  asked: Type.Optional(Type.String()),
  asked_before: Type.Optional(Type.Integer()),
  summary: Type.Optional(Type.String()),
  /** Of the first entry: what is kept of earlier runs of the conversation. */
  recap: Type.Optional(RecapState),
  /** Of the first entry: what the run may use up. */
  limits: Type.Optional(RunBounds),
  /** Of the first entry: the run was asked for elsewhere, and its executor has yet to hear of it. */
  remote: Type.Optional(Type.Literal(true)),
  /** Of the first entry: the run whose entries up to this position are the beginning of this one. */
  forked_from: Type.Optional(Type.Object({ generation_id: Type.String(), position: Type.Integer() })),
  /** Of the first entry: the trace its asker began, so that whoever owns the run continues it. */
  traceparent: Type.Optional(Type.String()),
  /** Of the first entry: how the run's requests are written; absent: chat. */
  dialect: Type.Optional(Type.Enum(['chat', 'responses'])),
  /** Of the first entry: what else each request carries, as JSON members. */
  request_options: Type.Optional(Type.String()),
})
export type EntryInternal = Static<typeof EntryInternal>

/** An entry that shows the model nothing. */
export function unshown(fact: RunFact, internal: EntryInternal | null = null): LogEntry {
  return { fact, shown: null, internal }
}
