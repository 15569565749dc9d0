import { channel } from 'node:diagnostics_channel'

/**
 * Moments at which a replica may die with something half done, by name, with what is done by then and what is not. Each is a channel
 * `codegen:maestro:<name>` of node:diagnostics_channel: whoever tests durability listens there and ends the process.
 */
export const crashPoints = {
  'claim-open': 'an executor and its runs are claimed, and nothing of it is committed',
  claimed: 'the claim is committed, and the executor is not welcomed',
  welcomed: 'the executor is welcomed, and none of its runs is read',
  'start-open': 'a run is asked for, and nothing of it is on record',
  started: 'a run is on record with its bootstrap calls, and the executor does not know it',
  confirmed: 'the executor knows its run, and no bootstrap call was sent',
  answered: 'the model has answered, and nothing of it is on record',
  'calls-recorded': 'calls are on record, and none was sent',
  'calls-sent': 'calls are on record and on their way',
  'result-received': 'a result has come, and is not on record',
  appended: 'entries are on record; no viewer has them, and what asked for them is not acknowledged',
  published: 'entries are on record and with their viewers, and what asked for them is not acknowledged',
  'end-open': 'a run is to end, and its end is not on record',
  'end-recorded': "a run's end is on record, and nobody knows it",
  'command-recorded': 'a command is in its inbox, and is not acknowledged',
} as const

export type CrashPoint = keyof typeof crashPoints

const channels = new Map<string, ReturnType<typeof channel>>(
  Object.keys(crashPoints).map((name) => [name, channel(`codegen:maestro:${name}`)]),
)

/** Says that this process has come to such a moment; costs nothing where nobody listens. */
export function reach(point: CrashPoint): void {
  const there = channels.get(point)
  if (there?.hasSubscribers) there.publish(undefined)
}
