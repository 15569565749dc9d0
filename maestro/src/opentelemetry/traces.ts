import { createHash, randomBytes } from 'node:crypto'
import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import type { Attributes } from '@opentelemetry/api'
import { parseTraceparent, toTraceparent } from '@codegen/protocol/traceparent'
import type { TraceContext } from '@codegen/protocol/traceparent'
import type { ModelCall, Observer, RunObserver, TakenRun, ToolCall, Turn } from '#runs/observer'
import { createTracer } from '@codegen/tracing/tracer'
import type { Tracer, TracerOptions } from '@codegen/tracing/tracer'

/** Runs as traces: prompt, its turns, their model and tool calls. */
export type Traces = { readonly observer: Observer; close(): Promise<void> }

/**
 * A run is one trace, that of whoever asked for it where he has one. Its ids and those of its calls are made of the run's, so that whichever replica owns it
 * goes on with the same trace. Spans carry names and figures; no prompt, answer, argument or result.
 */
export function openTraces(options: TracerOptions): Traces {
  const tracer = createTracer(options)
  return {
    observer: {
      runTaken: (run) => traceRun(tracer, run),
      appended: () => undefined,
      resultLate: () => undefined,
      runAbandoned: () => undefined,
    },
    close: tracer.close,
  }
}

function traceRun(tracer: Tracer, run: TakenRun): RunObserver {
  const { generationId, model, startedMs, isClaimed } = run
  const asked = parseTraceparent(run.traceparent)
  const ids = { traceId: asked?.traceId ?? idOf('trace', generationId, 32), spanId: idOf('prompt', generationId, 16) }
  const prompt = tracer.start({
    name: 'prompt',
    kind: SpanKind.SERVER,
    startTime: toTime(startedMs),
    attributes: { 'codegen.generation_id': generationId, 'gen_ai.request.model': model, 'codegen.claimed': isClaimed },
    parent: asked,
    ids,
  })
  const root: TraceContext = { ...ids, flags: prompt.spanContext().traceFlags }
  let open: { readonly turn: number; readonly context: TraceContext } | undefined
  /** Spans of a turn come before its own: its id is there from the first one on. */
  const contextOf = (turn: number): TraceContext => {
    if (open?.turn !== turn) open = { turn, context: { ...root, spanId: randomBytes(8).toString('hex') } }
    return open.context
  }
  const record = recorder(tracer)
  return {
    traceparentOf: (toolId) => toTraceparent({ ...root, spanId: callSpanId(toolId) }),
    modelAsked: (call) => record(call, { parent: contextOf(call.turn), ...toModelSpan(call, model) }),
    toolCalled(call) {
      const own = { ...root, spanId: callSpanId(call.toolId) }
      record(call, { parent: contextOf(call.turn), ids: own, ...toToolSpan(call) })
    },
    turnEnded(turn) {
      const name = turn.turn === 0 ? 'bootstrap' : 'turn'
      const attributes = { 'codegen.turn': turn.turn }
      record(turn, { parent: root, ids: contextOf(turn.turn), name, kind: SpanKind.INTERNAL, attributes })
    },
    requestRefused: () => undefined,
    questionClosed: () => undefined,
    runLeft(outcome, ms) {
      // Who owns it next tells of the whole run; what is not ended is never sent.
      if (outcome === undefined) return
      prompt.setAttribute('codegen.outcome', outcome)
      if (outcome === 'failed') prompt.setStatus({ code: SpanStatusCode.ERROR })
      prompt.end(toTime(ms))
    },
  }
}

type SpanOf = Omit<Parameters<Tracer['start']>[0], 'startTime'> & { readonly error?: string | undefined }

function recorder(tracer: Tracer): (times: Turn, span: SpanOf) => void {
  return ({ startMs, endMs }, { error, ...span }) => {
    const recorded = tracer.start({ ...span, startTime: toTime(startMs) })
    if (error !== undefined) recorded.setAttribute('error.type', error).setStatus({ code: SpanStatusCode.ERROR })
    recorded.end(toTime(endMs))
  }
}

function toModelSpan(call: ModelCall, model: string): Pick<SpanOf, 'name' | 'kind' | 'attributes' | 'error'> {
  const { startMs, firstTokenMs, restarts, outcome, usage } = call
  const attributes: Attributes = {
    'gen_ai.operation.name': 'chat',
    'gen_ai.request.model': model,
    'codegen.restarts': restarts,
  }
  if (firstTokenMs !== undefined) attributes['codegen.first_token_ms'] = Math.round(firstTokenMs - startMs)
  if (usage) {
    attributes['gen_ai.usage.input_tokens'] = usage.inputTokens
    attributes['gen_ai.usage.output_tokens'] = usage.outputTokens
    attributes['gen_ai.usage.cache_read.input_tokens'] = usage.cachedTokens
  }
  const error = outcome === 'answer' ? undefined : outcome
  return { name: `chat ${model}`, kind: SpanKind.CLIENT, attributes, error }
}

function toToolSpan(call: ToolCall): Pick<SpanOf, 'name' | 'kind' | 'attributes' | 'error'> {
  const { toolId, toolName, status, questionMs } = call
  const attributes = {
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': toolName,
    'gen_ai.tool.call.id': toolId,
    'codegen.status': status,
    'codegen.question_ms': Math.round(questionMs),
  }
  const error = status === 'success' ? undefined : status
  return { name: `execute_tool ${toolName}`, kind: SpanKind.CLIENT, attributes, error }
}

function callSpanId(toolId: string): string {
  return idOf('call', toolId, 16)
}

function idOf(what: string, id: string, digits: 16 | 32): string {
  return createHash('sha256').update(`${what}:${id}`).digest('hex').slice(0, digits)
}

/** Times of BrainPorts.now() are monotonic; spans are of the clock on the wall. */
function toTime(ms: number): Date {
  return new Date(Date.now() - performance.now() + ms)
}
