import { Failure } from '@codegen/protocol/failure'
import { limits as protocolLimits } from '@codegen/protocol/limits'
import type { RunFactOf, RunLimits, StartRun } from '@codegen/protocol/wire'
import { reach } from '#crash-points'
import { bootstrapEntries } from '#runs/call-entries'
import { toSystemPrompt } from '#runs/context'
import { toCarriedRecap, toConversation } from '#runs/conversation'
import type { Dialect } from '#runs/dialect'
import { dialectNamed } from '#runs/dialects'
import { Drive } from '#runs/drive'
import type { EntryInternal, LogEntry, RunBounds } from '#runs/log-entry'
import { toListedPrompt } from '#runs/listed-prompt'
import type { RequestStyle } from '#runs/ports'
import { createTranscript } from '#runs/request-text'
import { foldRun } from '#runs/run'
import { toText, toToolbeltEntry, toToolsText } from '#runs/toolbelt-entry'
import { toFrameText } from './frames.ts'
import type { OwnedRuns } from './owned-runs.ts'
import type { ConnectionPorts, Greeted, NewRun, QueuedStart } from './ports.ts'

type RunStart = {
  readonly greeted: Greeted
  readonly runs: OwnedRuns
  readonly start: StartRun
  /** The names of a run that was asked for over HTTP and is on record as queued. */
  readonly queued?: Pick<QueuedStart, 'generationId' | 'sessionId'>
}

/**
 * Puts a run on record with its bootstrap calls, in one statement, and drives it from there. Repeated, it answers with the run the same
 * `client_ref` started. Fails with model.unconfigured and the like when no model can be named, or run.unknown for a session of somebody else.
 */
export async function startRun(ports: ConnectionPorts, asked: RunStart): Promise<void> {
  const { greeted, runs, start } = asked
  // The connection to the model opens while the bootstrap runs.
  ports.brain.model.warm().catch(() => undefined)
  const model =
    start.model ?? (await ports.brain.model.defaultModel(AbortSignal.timeout(protocolLimits.localRequestMs)))
  const run = await toNewRun(ports, asked, model)
  reach('start-open')
  const outcome = await ports.store.start(run)
  reach('started')
  if (outcome.kind === 'superseded')
    throw new Failure('executor.superseded', 'This connection does not own its executor any more.')
  if (greeted.level === 1 && !asked.queued)
    confirm(ports, start.client_ref, outcome.kind === 'duplicate' ? { ...outcome, duplicate: true } : run)
  reach('confirmed')
  if (outcome.kind === 'duplicate') return

  const entries = run.entries.map((entry, index) => ({ ...entry, position: index + 1 }))
  const folded = foldRun(entries)
  const transcript = createTranscript(dialectNamed(folded.dialect), {
    model,
    // What they are its second entry says.
    toolsJson: '[]',
    systemPrompt: '',
    options: folded.requestOptions,
  })
  for (const entry of entries) transcript.add(entry)
  const key = { teamId: run.teamId, generationId: run.generationId }
  const { hands, toolbelts } = runs
  const drive = new Drive({
    key,
    epoch: greeted.epoch,
    run: folded,
    transcript,
    hands,
    toolbelt: toolbelts.of(start.cwd),
    ports: ports.brain,
    ageMs: 0,
    workedMs: 0,
    isClaimed: false,
  })
  runs.add(drive, entries)
}

function confirm(
  ports: ConnectionPorts,
  clientRef: string,
  run: { generationId: string; sessionId: string; duplicate?: boolean },
): void {
  const { generationId, sessionId, duplicate } = run
  ports.channel.send(
    toFrameText({
      type: 'run_started',
      payload: {
        client_ref: clientRef,
        generation_id: generationId,
        session_id: sessionId,
        ...(duplicate ? { duplicate } : {}),
      },
    }),
  )
}

async function toNewRun(ports: ConnectionPorts, asked: RunStart, model: string): Promise<NewRun> {
  const { greeted, runs, start, queued } = asked
  const { teamId } = ports.principal
  const generationId = queued?.generationId ?? ports.brain.mintId()
  const sessionId = queued?.sessionId ?? start.session_id ?? ports.brain.mintId()
  const style = ports.brain.model.requestStyle({ model, sessionId })
  const dialect = dialectNamed(style.dialect)
  const earlier = await earlierConversation(ports, { greeted, sessionId: start.session_id, dialect })
  const toolbelt = runs.toolbelts.of(start.cwd)
  const [system, tools] = [toText(toSystemPrompt(start.project_spec)), toToolsText(dialect, toolbelt)]
  const bounds = toBounds(start.limits)
  const key = { teamId, generationId }
  const entries: LogEntry[] = [
    startedEntry(
      {
        generation_id: generationId,
        session_id: sessionId,
        prompt: start.prompt,
        cwd: start.cwd,
        mode: start.mode,
        model,
      },
      {
        earlier: earlier.shown,
        dialect,
        internal: { ...toInternal(style, bounds), ...toOrigin(asked), ...earlier.internal },
      },
    ),
    toToolbeltEntry(generationId, { systemDigest: system.digest, tools, toolbelt, texts: [system, tools] }),
    ...bootstrapEntries({ key, dialect, hands: runs.hands, ports: ports.brain }),
  ]
  return {
    ...key,
    sessionId,
    executorId: greeted.executorId,
    epoch: greeted.epoch,
    clientRef: start.client_ref,
    level: greeted.level,
    isQueued: queued !== undefined,
    prompt: toListedPrompt(start.prompt),
    cwd: start.cwd,
    mode: start.mode,
    model,
    limitsJson: JSON.stringify(bounds),
    entries,
  }
}

function startedEntry(
  payload: RunFactOf<'run_started'>['payload'],
  of: { earlier: string; dialect: Dialect; internal: EntryInternal },
): LogEntry {
  const shown = of.dialect.user(payload.prompt)
  return {
    fact: { type: 'run_started', payload },
    shown: of.earlier === '' ? shown : `${of.earlier},${shown}`,
    internal: of.internal,
  }
}

/** The trace a run belongs to, where there is one; an executor knows nothing of a run that was asked for elsewhere, so its calls say where it works. */
function toOrigin({ start: { traceparent }, queued }: RunStart): EntryInternal {
  return { ...(traceparent === undefined ? {} : { traceparent }), ...(queued ? { remote: true } : {}) }
}

/** What is not said is what runs of the first release were: chat, without options. */
function toInternal({ dialect, options }: RequestStyle, limits: RunBounds): EntryInternal {
  return {
    limits,
    ...(dialect === 'chat' ? {} : { dialect }),
    ...(options === '' ? {} : { request_options: options }),
  }
}

async function earlierConversation(
  ports: ConnectionPorts,
  of: { greeted: Greeted; sessionId: string | undefined; dialect: Dialect },
): Promise<{ shown: string; internal: EntryInternal }> {
  const { greeted, sessionId, dialect } = of
  if (sessionId === undefined) return { shown: '', internal: {} }
  const earlier = await ports.store.conversation(ports.principal.teamId, greeted.executorId, sessionId)
  if (earlier === undefined)
    throw new Failure('run.unknown', `There is no ended run in a session ${sessionId} of this executor.`)
  const recap = toCarriedRecap(earlier)
  return { shown: toConversation(earlier, dialect), internal: recap ? { recap } : {} }
}

function toBounds(asked: RunLimits | undefined): RunBounds {
  const turns = Math.min(asked?.turns ?? protocolLimits.turnsDefault, protocolLimits.turnsMax)
  return {
    turns,
    tokens: asked?.tokens ?? turns * protocolLimits.tokensPerTurnDefault,
    seconds: Math.min(asked?.seconds ?? protocolLimits.runSecondsDefault, protocolLimits.runSecondsMax),
  }
}
