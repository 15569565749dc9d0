import { limits as protocolLimits } from '@codegen/protocol/limits'
import { Drive } from '#runs/drive'
import type { Letter } from '#runs/drive'
import type { SavedEntry } from '#runs/log-entry'
import type { Hands, Toolbelt } from '#runs/ports'
import { dialectNamed } from '#runs/dialects'
import { createTranscript } from '#runs/request-text'
import { foldRun } from '#runs/run'
import type { ClaimedRun, ConnectionPorts, Greeted, InboxCommand } from './ports.ts'

type Resume = {
  readonly greeted: Greeted
  readonly claimed: ClaimedRun
  readonly hands: Hands
  readonly toolbelt: Toolbelt
}

/**
 * Goes on with a claimed run where its log ends. Open calls are sent again to the journal they were sent to, which knows whether they ran; for any other
 * journal their outcome is unknown and they end as interrupted. A run that only ever changes its server fails.
 */
export async function resumeRun(ports: ConnectionPorts, resume: Resume): Promise<{ drive: Drive; news: SavedEntry[] }> {
  const { greeted, claimed, hands, toolbelt } = resume
  ports.brain.model.warm().catch(() => undefined)
  const key = { teamId: ports.principal.teamId, generationId: claimed.generationId }
  const [loaded, commands] = await Promise.all([ports.store.load(key), ports.store.commandsOf([key])])
  const run = foldRun(loaded.entries)
  const transcript = createTranscript(dialectNamed(run.dialect), {
    model: run.model,
    toolsJson: loaded.toolsJson,
    systemPrompt: loaded.systemPrompt,
    options: run.requestOptions,
  })
  for (const entry of loaded.entries) transcript.add(entry)
  const { epoch } = greeted
  const { ageMs } = loaded
  const drive = new Drive({
    key,
    epoch,
    run,
    transcript,
    hands,
    toolbelt,
    ports: ports.brain,
    ageMs,
    isClaimed: true,
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
  // The claim is the one entry that no owner has published.
  return { drive, news: loaded.entries.slice(-1) }
}

/** A command as it reaches its run. */
export function toLetter(command: InboxCommand): Letter {
  if (command.type === 'run_input') return { kind: 'input', input: command }
  const { clientRef, reason, by } = command
  return { kind: 'cancel', clientRef, reason, by }
}

function interrupted(generation_id: string, tool_id: string) {
  const result = 'The call was interrupted; whether it took effect is unknown. Look before you repeat it.'
  return { generation_id, tool_id, status: 'interrupted', result }
}
