import { toEventId } from '@codegen/protocol/ids'
import { limits as protocolLimits } from '@codegen/protocol/limits'
import { Failure } from '@codegen/protocol/failure'
import { Drive } from '#runs/drive'
import type { Letter } from '#runs/drive'
import type { SavedEntry } from '#runs/log-entry'
import type { Hands } from '#runs/ports'
import { dialectNamed } from '#runs/dialects'
import { createTranscript } from '#runs/request-text'
import { foldRun } from '#runs/run'
import type { ParkedRun } from './parked-runs.ts'
import type { ClaimedRun, ConnectionPorts, Greeted, InboxCommand, Toolbelts } from './ports.ts'

type Resume = {
  readonly greeted: Greeted
  readonly claimed: Pick<ClaimedRun, 'generationId' | 'claims'>
  /** It was parked on this very connection. */
  readonly parked: ParkedRun | undefined
  readonly hands: Hands
  readonly toolbelts: Toolbelts
}

/**
 * Goes on with a claimed or parked run where its log ends. Open calls are sent again to the journal they were sent to, which knows whether they ran; for any other
 * journal their outcome is unknown and they end as interrupted. A run that only ever changes its server fails. Fails with executor.superseded when it has
 * another owner.
 */
export async function resumeRun(ports: ConnectionPorts, resume: Resume): Promise<{ drive: Drive; news: SavedEntry[] }> {
  const { greeted, claimed, parked, hands, toolbelts } = resume
  ports.brain.model.warm().catch(() => undefined)
  const key = { teamId: ports.principal.teamId, generationId: claimed.generationId }
  const [loaded, commands] = await Promise.all([ports.store.load(key), ports.store.commandsOf([key])])
  if (loaded.epoch !== greeted.epoch)
    throw new Failure('executor.superseded', `The run ${key.generationId} has another owner.`)
  const run = foldRun(loaded.entries)
  const transcript = createTranscript(dialectNamed(run.dialect), {
    model: run.model,
    toolsJson: loaded.toolsJson,
    systemPrompt: loaded.systemPrompt,
    options: run.requestOptions,
  })
  for (const entry of loaded.entries) transcript.add(entry)
  const { epoch } = greeted
  const { ageMs, workedMs } = loaded
  const drive = new Drive({
    key,
    epoch,
    run,
    transcript,
    hands,
    toolbelt: toolbelts.of(run.cwd),
    ports: ports.brain,
    ageMs,
    workedMs,
    isClaimed: true,
    parked,
  })
  // What was asked of it while it had no owner is there before it goes on.
  for (const command of commands) drive.mailbox.post(toLetter(command))
  for (const [toolId, call] of run.openCalls) {
    if (call.journalId !== greeted.journalId)
      drive.mailbox.post({ kind: 'result', result: interrupted(run.generationId, toolId) })
  }
  if (claimed.claims >= protocolLimits.claimsMax) {
    const message = `The run repeatedly lost its server: ${claimed.claims} times in a row without progress.`
    drive.fail({ status: 'failed', error: { code: 'run.lost_servers', message } })
  }
  const last = loaded.entries.at(-1)?.fact
  // Ended elsewhere while it was parked.
  if (last?.type === 'run_finished') hands.runFinished({ ...last.payload, last_event_id: toEventId(run.length, 0) })
  // The claim is the one entry that no owner has published; of a parked run it is whatever was written elsewhere.
  const known = parked?.at.position ?? loaded.entries.length - 1
  return { drive, news: loaded.entries.slice(known) }
}

/** A command as it reaches its run. */
export function toLetter(command: InboxCommand): Letter {
  if (command.type === 'run_input') return { kind: 'input', input: command }
  if (command.type === 'approval_answer') return { kind: 'answer', answer: command }
  const { clientRef, reason, by } = command
  return { kind: 'cancel', clientRef, reason, by }
}

function interrupted(generation_id: string, tool_id: string) {
  const result = 'The call was interrupted; whether it took effect is unknown. Look before you repeat it.'
  return { generation_id, tool_id, status: 'interrupted', result }
}
