import type { Tool } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { limits as protocolLimits } from '@codegen/protocol/limits'
import type { RunTool } from '@codegen/protocol/wire'
import type { CallContexts, CallPlace } from '#plugins/call-context'
import type { ToolHooks } from '#plugins/tool-hooks'
import type { Log } from '#log'
import { limits } from '#limits'
import type { Approvals, AskedCall } from './approvals.ts'
import { isBootstrapCall } from './bootstrap.ts'
import { decide } from './decide.ts'
import type { Decision } from './decide.ts'
import { failed, stoppedEnding, stoppedStatus, toEnding, toFailedEnding } from './ending.ts'
import type { Ending } from './ending.ts'
import { isLocalRun } from './local-run.ts'
import type { KnownRuns } from './known-runs.ts'
import type { PreparedCall } from './prepared-call.ts'
import { judgeCall, noteEnd } from './run-hooks.ts'
import { within } from './within.ts'

export type CallParts = {
  readonly contexts: CallContexts
  readonly approvals: Approvals
  readonly runs: KnownRuns
  readonly hooks: ToolHooks
  readonly log: Log
}

/**
 * Runs one call whose turn it is: decide, have plugins judge it, ask its owner where that is due, run, bound, tell plugins. Never rejects, and ends within the call's time plus
 * limits.toolIgnoresMs whatever the tool does; the time a judgement or a question takes does not count.
 */
export async function runCall(prepared: PreparedCall, parts: CallParts, started: () => void): Promise<Ending> {
  const { cancelled } = prepared
  try {
    if (cancelled.aborted) return stoppedEnding(cancelled)
    const decision = await within(decideCall(prepared, parts), limits.prepareMsMax)
    if (decision.kind === 'deny') return failed('denied', 'tool.denied', decision.reason)
    const judging = judgeCall(prepared, parts.hooks)
    const judgement = judging && (await judging)
    if (judgement?.kind === 'refused') return failed('denied', judgement.failure.code, judgement.failure.message)
    if (decision.kind === 'ask') {
      const refused = await askOwner(prepared, parts, decision)
      if (refused) return refused
    }
    started()
    // A yes to a foreign tool was given without knowing what it writes.
    const consented = decision.kind === 'ask' && !prepared.isForeign
    const ending = await runWithin(prepared, parts, consented).catch((error: unknown) => toEnd(error, prepared, parts))
    return (await noteEnd(prepared, { ending, notes: judgement?.notes ?? [] }, parts.hooks)) ?? ending
  } catch (error) {
    return toEnd(error, prepared, parts)
  }
}

function toEnd(error: unknown, { call, tool, cancelled }: PreparedCall, { log }: CallParts): Ending {
  if (!(error instanceof Failure)) log.error('a tool call broke', error, { tool: tool.name, toolId: call.tool_id })
  return cancelled.aborted ? stoppedEnding(cancelled) : toFailedEnding(error)
}

async function decideCall(
  { call, run, tool, isForeign, cwd }: PreparedCall,
  { contexts, runs }: CallParts,
): Promise<Decision> {
  const { readOnly = false, openWorld = false } = tool.annotations ?? {}
  const { writes = [], personal = false } = tool.touches?.(call.parameters) ?? {}
  const place = { root: run.root, cwd, generationId: run.generationId }
  return decide({
    mode: run.mode,
    toolName: tool.name,
    readOnly,
    foreign: isForeign,
    reachesOut: openWorld,
    personal,
    bootstrap: isBootstrapCall(tool.name, call.parameters),
    protectedPath: await contexts.writesProtected(place, writes),
    granted: runs.isGranted(run.generationId, tool.name),
    askWanted: call.ask ?? false,
  })
}

/** Undefined when the owner said yes. */
async function askOwner(
  prepared: PreparedCall,
  parts: CallParts,
  { lasting }: { lasting: boolean },
): Promise<Ending | undefined> {
  const { contexts, approvals, runs } = parts
  const { call, run, tool, cancelled } = prepared
  const place = toPlace(prepared, parts, { signal: cancelled, consented: true, timeoutMs: limits.prepareMsMax })
  const context = contexts.create(place)
  const preview = tool.preview
    ? await within(tool.preview(call.parameters, context), limits.prepareMsMax)
    : toPreview(call)
  const { tool_id, generation_id, tool_name, parameters } = call
  // A run that is this one call has nothing that an "always" could cover.
  const how = { lasting: lasting && !isLocalRun(run.generationId), waits: run.mode !== 'auto' }
  const question = { tool_id, generation_id, tool_name, title: titleOf(call, tool), preview, parameters, ...how }
  const { outcome, always, by } = await putQuestion(prepared, approvals, question)
  if (outcome === 'cancelled') return stoppedEnding(cancelled)
  if (outcome === 'expired')
    return failed('denied', 'tool.denied', 'Nobody answered the question whether this call may run.')
  if (outcome === 'denied') return failed('denied', 'tool.denied', `This call was not allowed by its owner (${by}).`)
  if (always) runs.grant(run.generationId, tool.name)
  return undefined
}

/** Puts a question to the owner, and follows it in the call's trace. */
async function putQuestion(
  { trace, cancelled }: PreparedCall,
  approvals: Approvals,
  question: AskedCall,
): ReturnType<Approvals['ask']> {
  const answered = trace?.question()
  const resolution = await approvals.ask(question, cancelled)
  answered?.(resolution.outcome)
  return resolution
}

function titleOf({ tool_name, parameters }: RunTool, tool: Tool): string {
  const { writes } = tool.touches?.(parameters) ?? {}
  const subject = parameters['command'] ?? writes?.join(', ') ?? parameters['file_path'] ?? parameters['url']
  const title = typeof subject === 'string' ? `${tool_name} ${subject}` : tool_name
  return title.slice(0, titleCharactersMax).toWellFormed()
}

/** The wire's. */
const titleCharactersMax = 1_000

function toPreview({ parameters }: RunTool): { command: string } {
  return { command: JSON.stringify(parameters, undefined, 2) }
}

async function runWithin(prepared: PreparedCall, parts: CallParts, consented: boolean): Promise<Ending> {
  const { call, tool, cancelled } = prepared
  const timeoutMs = timeoutOf(call, tool)
  const deadline = new AbortController()
  const timer = setTimeout(() => deadline.abort(timedOut(tool, timeoutMs)), timeoutMs)
  const signal = AbortSignal.any([cancelled, deadline.signal])
  const ignored = afterIgnoring(signal)
  const place = toPlace(prepared, parts, { signal, consented, timeoutMs })
  try {
    const returned = Promise.resolve(tool.run(call.parameters, parts.contexts.create(place)))
    const winner = await Promise.race([returned.then(toEnding), ignored.promise])
    if (winner !== 'ignored')
      return winner.status === 'cancelled' ? { ...winner, status: stoppedStatus(cancelled) } : winner
    parts.log.warn('a tool did not stop when told', { tool: tool.name, toolId: call.tool_id })
    return cancelled.aborted ? stoppedEnding(cancelled) : toFailedEnding(timedOut(tool, timeoutMs))
  } catch (error) {
    if (signal.aborted && error === signal.reason)
      return cancelled.aborted ? stoppedEnding(cancelled) : toFailedEnding(error)
    throw error
  } finally {
    clearTimeout(timer)
    ignored.stop()
  }
}

/** The least of what the server, the call itself and the tool's definition allow. */
function timeoutOf(call: RunTool, tool: Tool): number {
  const own = call.parameters['timeout_ms']
  const toolMs = tool.timeout_ms ?? (typeof own === 'number' ? own : protocolLimits.toolCallMsDefault)
  return Math.min(call.timeout_ms ?? toolMs, toolMs, protocolLimits.toolCallMsMax)
}

function timedOut(tool: Tool, timeoutMs: number): Failure {
  return new Failure('tool.timeout', `${tool.name} took longer than ${timeoutMs} ms and was ended.`)
}

/** Resolves some time after the signal, for a tool that does not heed it. */
function afterIgnoring(signal: AbortSignal): { promise: Promise<'ignored'>; stop(): void } {
  const { promise, resolve } = Promise.withResolvers<'ignored'>()
  let timer: NodeJS.Timeout | undefined
  const wait = () => {
    timer = setTimeout(() => resolve('ignored'), limits.toolIgnoresMs)
  }
  signal.addEventListener('abort', wait, { once: true })
  return {
    promise,
    stop() {
      signal.removeEventListener('abort', wait)
      clearTimeout(timer)
    },
  }
}

function toPlace(
  prepared: PreparedCall,
  parts: CallParts,
  how: Pick<CallPlace, 'signal' | 'consented' | 'timeoutMs'>,
): CallPlace {
  const { call, run, tool, cwd, output } = prepared
  return {
    toolId: call.tool_id,
    generationId: run.generationId,
    toolName: tool.name,
    root: run.root,
    cwd,
    ...how,
    output: (chunk, stream) => output.add(chunk, stream),
    ask: ({ title, detail }) => askForTool(prepared, parts, { title, command: detail ?? title }),
  }
}

/** A tool's own question. Only a run that asks has somebody to put it to; in any other the answer is no. */
async function askForTool(
  prepared: PreparedCall,
  { approvals }: CallParts,
  { title, command }: { title: string; command: string },
): Promise<boolean> {
  const { call, run } = prepared
  if (run.mode !== 'ask') return false
  const { tool_id, generation_id, tool_name, parameters } = call
  const shown = {
    title: title.slice(0, titleCharactersMax).toWellFormed(),
    preview: { command },
    lasting: false,
    waits: true,
  }
  const { outcome } = await putQuestion(prepared, approvals, {
    tool_id,
    generation_id,
    tool_name,
    parameters,
    ...shown,
  })
  return outcome === 'allowed'
}
