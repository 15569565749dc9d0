import { channel } from 'node:diagnostics_channel'

/**
 * Moments at which codegend may die with something half done, by name, with what is done by then and what is not. Each is a channel
 * `codegen:daemon:<name>` of node:diagnostics_channel: whoever tests durability listens there and ends the process.
 */
export const crashPoints = {
  'start-noted': 'a run is asked for and its root is in the journal, and Maestro was not told',
  'welcome-received': 'Maestro has said welcome, and the epoch is not on disk',
  welcomed: 'the epoch is on disk, and nothing that is kept was sent again',
  'run-begun': 'a run has its id in the journal, and its client does not know it',
  'call-noted': 'a call is in the journal, and did not start',
  'call-started': 'a call is in the journal as started, and its tool did not run',
  'process-noted': 'a command runs, and is in the journal with its process',
  'call-ended': 'a tool is done, and its result is not in the journal',
  'result-noted': 'a result is in the journal, and was not sent',
  'result-sent': 'a result is on its way',
  'result-stored': 'Maestro has a result on record, and the journal does not know it',
} as const

export type CrashPoint = keyof typeof crashPoints

const channels = new Map<string, ReturnType<typeof channel>>(
  Object.keys(crashPoints).map((name) => [name, channel(`codegen:daemon:${name}`)]),
)

/** Says that this process has come to such a moment; costs nothing where nobody listens. */
export function reach(point: CrashPoint): void {
  const there = channels.get(point)
  if (there?.hasSubscribers) there.publish(undefined)
}
