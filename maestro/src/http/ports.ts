import type { ExecutorList, ExecutorStore, Presence } from '#executors/ports'
import type { EventBus, RunList, RunLog } from '#runs/ports'
import type { Door } from './door.ts'

/** A part whose absence makes this replica useless. */
export type ReadyCheck = { readonly name: string; check(): Promise<void> }

/** Something `GET /v1/checks` looks at. Resolves with what is there, in a few words; fails with what is wrong and what to do. Never with a secret. */
export type Look = { readonly name: string; look(signal: AbortSignal): Promise<string> }

/** What the HTTP edge is given. */
export type HttpPorts = {
  readonly door: Door
  readonly runs: RunList
  readonly executors: ExecutorList
  readonly log: RunLog
  readonly bus: EventBus
  readonly store: ExecutorStore
  readonly presence: Presence
  readonly ready: readonly ReadyCheck[]
  readonly looks: readonly Look[]
  readonly version: string
  /** This replica's figures in Prometheus' text format. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>
  warn(message: string, thrown: unknown): void
  mintId(): string
  /** The model of a run that names none; see ModelClient.defaultModel. */
  defaultModel(signal: AbortSignal): Promise<string>
}
