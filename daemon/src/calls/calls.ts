import { Failure } from '@codegen/protocol/failure'
import { limits as protocolLimits } from '@codegen/protocol/limits'
import type { CancelTool, RunTool, ToolResult } from '@codegen/protocol/wire'
import type { RemoteRoot } from '#config'
import { reach } from '#crash-points'
import type { EndHeld, Journal, JournaledCall } from '#journal/journal'
import { limits } from '#limits'
import type { PluginHost } from '#plugins/host'
import { failed, stoppedEnding, toFailedEnding } from './ending.ts'
import type { Ending } from './ending.ts'
import { createLanes } from './lanes.ts'
import type { Lanes } from './lanes.ts'
import { createLiveOutput } from './live-output.ts'
import type { CallReports } from './ports.ts'
import { prepareCall } from './prepare-call.ts'
import { runCall } from './run-call.ts'
import type { PreparedCall } from './prepared-call.ts'
import type { CallParts } from './run-call.ts'
import { toLanes } from './to-lanes.ts'
import type { CallTraces } from './traces.ts'
import { within } from './within.ts'

/** The tool calls of this machine, from their arrival to their one result. */
export type Calls = {
  /** Runs a call, or answers a repeated one from the record. Never throws: what is wrong with a call is its result. */
  run(call: RunTool): void
  /** Ends a call. One that is not known is recorded as cancelled, so that it never runs. */
  cancel(cancel: CancelTool): void
  /** The run is over: what is still open of it is cancelled. */
  endRun(generationId: string): void
  /** Maestro has this result on record. */
  stored(toolId: string): void
  openCount(): number
  /** A call that an earlier codegend still runs: what comes after it in its lane waits until it has ended. */
  hold(call: JournaledCall, ended: Promise<void>): void
  /**
   * Another codegend takes over. What has not started is given up without a word, but for the runs that stay; answers which calls go on here and when the last
   * of them has ended. No call is taken after this.
   */
  handOver(stays: (generationId: string) => boolean): {
    readonly toolIds: readonly string[]
    readonly ended: Promise<void>
  }
  /** Ends a call that was handed over, because the next codegend says so. */
  endHeld(end: Pick<EndHeld, 'toolId' | 'why'>): void
  /** Cancels what is open and waits until all of it has ended. No call runs after this. */
  stop(): Promise<void>
}

export type CallsOptions = CallParts & {
  readonly journal: Journal
  readonly host: PluginHost
  readonly reports: CallReports
  readonly remoteRoots: readonly RemoteRoot[]
  readonly traces: CallTraces | undefined
}

type OpenCall = { readonly generationId: string; readonly controller: AbortController; readonly done: Promise<void> }

/** Why a call was given up: nothing is to be said of it, because the next codegend runs it. */
const givenUp = new Failure('client.closed', 'Another codegend runs this call.')

export function createCalls(options: CallsOptions): Calls {
  const { journal, reports } = options
  const open = new Map<string, OpenCall>()
  const lanes = createLanes(protocolLimits.parallelToolsMax)
  const isStarted = (toolId: string): boolean => journal.calls.get(toolId)?.state.kind === 'started'
  let stopped = false

  async function live(call: RunTool, controller: AbortController): Promise<void> {
    const startedAt = performance.now()
    const output = createLiveOutput({ toolId: call.tool_id, generationId: call.generation_id }, reports.output)
    const trace = options.traces?.call(call)
    const ending = await perform(call, { cancelled: controller.signal, output, lanes, trace }, options)
    trace?.ended(ending.status)
    output.close()
    open.delete(call.tool_id)
    if (controller.signal.reason === givenUp) return
    finish(call, { ...ending, duration_ms: Math.round(performance.now() - startedAt) }, options)
  }

  return {
    run(call) {
      const known = journal.calls.get(call.tool_id)
      if (known?.state.kind === 'finished') return reports.result(known.state.result)
      if (open.has(call.tool_id) || journal.held.has(call.tool_id) || stopped) return
      const refusal = known ? undefined : noteReceived(call, options)
      if (refusal) return finish(call, refusal, options)
      if (open.size >= limits.openCallsMax) return finish(call, tooMany, options)
      const controller = new AbortController()
      open.set(call.tool_id, { generationId: call.generation_id, controller, done: live(call, controller) })
    },
    cancel(call) {
      const found = open.get(call.tool_id)
      if (found) return found.controller.abort(cancelled())
      cancelElsewhere(call, options)
    },
    endRun(generationId) {
      const over = new Failure('client.cancelled', 'The run is over.')
      for (const call of open.values()) if (call.generationId === generationId) call.controller.abort(over)
      endHeldOf(generationId, journal)
    },
    stored(toolId) {
      noteStored(toolId, journal)
    },
    openCount: () => open.size,
    hold({ generationId, toolName }, ended) {
      if (!options.host.isReadOnly(toolName)) lanes.inOrder([generationId], () => ended).catch(() => undefined)
    },
    handOver(stays) {
      stopped = true
      return handOver(open, (toolId, { generationId }) => isStarted(toolId) || stays(generationId))
    },
    endHeld({ toolId, why }) {
      open.get(toolId)?.controller.abort(why === 'cancelled' ? cancelled() : leaving())
    },
    async stop() {
      stopped = true
      await cancelAll([...open.values()])
    },
  }
}

async function cancelAll(calls: readonly OpenCall[]): Promise<void> {
  for (const { controller } of calls) controller.abort(leaving())
  await Promise.all(calls.map(({ done }) => done))
}

/** One that is not open here is held, has ended, or is not known yet and then never runs. */
function cancelElsewhere({ tool_id, generation_id }: CancelTool, options: CallsOptions): void {
  const { journal } = options
  if (journal.held.has(tool_id)) return journal.append({ kind: 'end-held', toolId: tool_id, why: 'cancelled' })
  if (journal.calls.get(tool_id)?.state.kind === 'finished') return
  const call = { tool_id, generation_id, tool_name: '', parameters: {} }
  noteReceived(call, options)
  finish(call, failed('cancelled', 'client.cancelled', 'This call was cancelled before it ran.'), options)
}

/** Gives up every open call but those that are kept. */
function handOver(
  open: ReadonlyMap<string, OpenCall>,
  isKept: (toolId: string, call: OpenCall) => boolean,
): ReturnType<Calls['handOver']> {
  const toolIds: string[] = []
  for (const [toolId, call] of open) {
    if (isKept(toolId, call)) toolIds.push(toolId)
    else call.controller.abort(givenUp)
  }
  return { toolIds, ended: Promise.all([...open.values()].map(({ done }) => done)).then(() => undefined) }
}

/** Has their holders end the calls of a run. */
function endHeldOf(generationId: string, journal: Journal): void {
  for (const toolId of journal.held.keys()) {
    if (journal.calls.get(toolId)?.generationId === generationId)
      journal.append({ kind: 'end-held', toolId, why: 'cancelled' })
  }
}

function cancelled(): Failure {
  return new Failure('client.cancelled', 'This call was cancelled.')
}

function leaving(): Failure {
  return new Failure('client.closed', 'codegend is leaving.')
}

const tooMany = failed('error', 'tool.unavailable', 'Too many calls are open on this machine.')

type Turn = Pick<PreparedCall, 'cancelled' | 'output' | 'trace'> & { readonly lanes: Lanes }

/** Waits for the call's turn and runs it. Never fails. */
async function perform(call: RunTool, { lanes, ...turn }: Turn, options: CallsOptions): Promise<Ending> {
  const { journal, log } = options
  try {
    const prepared = { call, ...turn, ...(await within(prepareCall(call, options), limits.prepareMsMax)) }
    const started = (): void => {
      // What is stopped while it was being decided never starts.
      turn.cancelled.throwIfAborted()
      journal.append({ kind: 'started', toolId: call.tool_id })
      reach('call-started')
    }
    const waiting = untilStopped(turn.cancelled)
    const work = (): Promise<Ending> => {
      waiting.end()
      return runCall(prepared, options, started)
    }
    const readOnly = prepared.tool.annotations?.readOnly ?? false
    const ran = readOnly ? lanes.inParallel(work) : lanes.inOrder(toLanes(prepared), work)
    return await Promise.race([ran, waiting.stopped])
  } catch (error) {
    if (!(error instanceof Failure)) log.error('a call could not be prepared', error, { toolId: call.tool_id })
    return toFailedEnding(error)
  }
}

/** Resolves when a call is stopped that still waits for its turn; `end` once that has come. */
function untilStopped(signal: AbortSignal): { stopped: Promise<Ending>; end(): void } {
  const { promise: stopped, resolve } = Promise.withResolvers<Ending>()
  const stop = (): void => resolve(stoppedEnding(signal))
  signal.addEventListener('abort', stop, { once: true })
  // It may have been stopped while it was prepared.
  if (signal.aborted) stop()
  return { stopped, end: () => signal.removeEventListener('abort', stop) }
}

function finish(call: RunTool, ending: Ending, { journal, reports, log }: CallsOptions): void {
  const { tool_id, generation_id } = call
  const result: ToolResult = { tool_id, generation_id, ...ending }
  const { status, duration_ms: durationMs } = ending
  log.info('call', { tool: call.tool_name, toolId: tool_id, run: generation_id, status, durationMs })
  reach('call-ended')
  try {
    journal.append({ kind: 'finished', toolId: tool_id, result })
    reach('result-noted')
  } catch (error) {
    // The result is still true, and Maestro is where it is kept.
    log.error('a result could not be written to the journal', error, { toolId: tool_id })
  }
  reports.result(result)
  reach('result-sent')
}

/** A call that cannot be written down is not run: nobody could tell later whether it was. */
function noteReceived(
  { tool_id, generation_id, tool_name }: RunTool,
  { journal, host, log }: CallsOptions,
): Ending | undefined {
  const call = { toolId: tool_id, generationId: generation_id, toolName: tool_name }
  try {
    journal.append({ kind: 'received', ...call, repeatable: host.isRepeatable(tool_name) })
    reach('call-noted')
    return undefined
  } catch (error) {
    log.error('a call could not be written to the journal', error, { toolId: tool_id })
    return failed(
      'error',
      'tool.unavailable',
      'codegend cannot write its journal, so it runs nothing; is the disk full?',
    )
  }
}

function noteStored(toolId: string, journal: Journal): void {
  reach('result-stored')
  if (journal.calls.has(toolId)) journal.append({ kind: 'stored', toolId })
}
