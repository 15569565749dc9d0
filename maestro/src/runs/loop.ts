import { toEventId } from '@codegen/protocol/ids'
import { reach } from '#crash-points'
import { askModel } from './ask-model.ts'
import { awaitPerson } from './await-person.ts'
import { bootstrapEntries, requestEntries } from './call-entries.ts'
import { toRunTool } from './drive.ts'
import type { Drive } from './drive.ts'
import { unshown } from './log-entry.ts'
import type { Ending } from './ports.ts'
import { proposeAnswers } from './propose-answers.ts'
import { nextStep } from './step.ts'
import type { Step } from './step.ts'
import { takeInputs } from './take-inputs.ts'
import { takeLetters } from './take-letters.ts'
import { toFinished } from './to-finished.ts'

/**
 * Drives a run until it has ended, is parked, or belongs to somebody else: take what arrived, decide, do. Nothing is acted on before it is on record, but a
 * request to the model may leave while the results it tells of are being written.
 */
export async function driveRun(drive: Drive): Promise<void> {
  takeLetters(drive)
  // What is to end is cancelled, not asked for again.
  if (!drive.isReleased && !drive.ending && !drive.wasParked) sendOpenCalls(drive)
  for (;;) {
    takeLetters(drive)
    if (drive.isReleased) return
    proposeAnswers(drive)
    const step = nextStep(drive.run, drive)
    if (step.kind === 'done') break
    // An end is as quick as a departure.
    if (drive.isLeaving && step.kind !== 'finish') break
    if (!(await performStep(drive, step))) break
  }
  if (drive.parked) return
  await drive.commit()
  drive.release()
}

/** Performs one step; false when the run is parked or no longer this replica's. */
async function performStep(drive: Drive, step: Exclude<Step, { kind: 'done' }>): Promise<boolean> {
  switch (step.kind) {
    case 'bootstrap':
      drive.stage(bootstrapEntries(drive))
      return sendStaged(drive)
    case 'call-tools':
      drive.stage(requestEntries(drive))
      return sendStaged(drive)
    case 'ask-model':
      return askModel(drive)
    case 'take-inputs':
      takeInputs(drive, step.inputs)
      return true
    case 'cancel-calls':
      return cancelCalls(drive, step.toolIds, step.reason)
    case 'await-results':
      return awaitLetters(drive)
    case 'await-approval':
      return awaitPerson(drive)
    case 'finish':
      return finish(drive, step.ending)
  }
}

/** Commits what is staged, then sends the calls among it. */
async function sendStaged(drive: Drive): Promise<boolean> {
  if (!(await drive.commit())) return false
  reach('calls-recorded')
  sendOpenCalls(drive)
  reach('calls-sent')
  return true
}

function sendOpenCalls(drive: Drive): void {
  drive.hands.callTools([...drive.run.openCalls.keys()].flatMap((toolId) => toRunTool(drive, toolId) ?? []))
}

/** What is staged is written meanwhile; that it could not be shows as a letter, like all else from outside. */
async function awaitLetters(drive: Drive): Promise<boolean> {
  const committed = drive.commit()
  await Promise.race([drive.mailbox.arrival(), committed.then(() => drive.mailbox.arrival())])
  return true
}

async function cancelCalls(drive: Drive, toolIds: readonly string[], reason: string): Promise<boolean> {
  if (!(await drive.commit())) return false
  const { generationId } = drive.key
  drive.outlet.decoration({ type: 'run_status', payload: { generation_id: generationId, status: 'cancelling' } })
  for (const toolId of toolIds) {
    drive.cancelled.add(toolId)
    drive.hands.cancelTool(generationId, toolId, reason)
  }
  return true
}

/** What people said is on record before the end, seen by the model or not: the next run of the conversation shows it. */
async function finish(drive: Drive, ending: Ending): Promise<boolean> {
  // It stays so, whatever is put on record on the way.
  if (drive.ending) drive.fail(ending)
  takeInputs(drive, drive.inputs)
  const fact = toFinished(drive.run, ending)
  reach('end-open')
  const outcome = await drive.finish(unshown(fact))
  if (outcome === 'lost') return false
  if (outcome === 'input-waits') {
    for (const input of await drive.ports.log.waitingInputs(drive.key)) drive.mailbox.post({ kind: 'input', input })
    return true
  }
  drive.hands.runFinished({ ...fact.payload, last_event_id: toEventId(drive.run.length, 0) })
  return true
}
