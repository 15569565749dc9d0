import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import type { Span } from '@opentelemetry/api'
import { parseTraceparent, toTraceparent } from '@codegen/protocol/traceparent'
import type { TraceContext } from '@codegen/protocol/traceparent'
import type { CallTrace, CallTraces } from '#calls/traces'
import type { StartTraces } from '#link/start-traces'
import { createTracer } from '@codegen/tracing/tracer'
import type { Tracer, TracerOptions } from '@codegen/tracing/tracer'

/** What codegend adds to the traces of runs: their starts, its calls, and the questions to its owner. */
export type Traces = CallTraces & StartTraces & { close(): Promise<void> }

/** Calls whose server sends no trace context have no spans: there is nothing they would belong to. */
export function openTraces(options: TracerOptions): Traces {
  const tracer = createTracer(options)
  return {
    start(traceparent) {
      const span = start(tracer, 'start_run', { kind: SpanKind.CLIENT, parent: parseTraceparent(traceparent) })
      return { traceparent: toTraceparent(contextOf(span)), ended: (error) => end(span, error) }
    },
    call({ tool_name, tool_id, generation_id, traceparent }) {
      const parent = parseTraceparent(traceparent)
      if (!parent) return undefined
      const span = start(tracer, `run_tool ${tool_name}`, { kind: SpanKind.SERVER, parent })
      span.setAttribute('gen_ai.tool.name', tool_name)
      span.setAttribute('gen_ai.tool.call.id', tool_id)
      span.setAttribute('codegen.generation_id', generation_id)
      return traceCall(tracer, span)
    },
    close: tracer.close,
  }
}

function traceCall(tracer: Tracer, span: Span): CallTrace {
  return {
    question() {
      const question = start(tracer, 'question', { kind: SpanKind.INTERNAL, parent: contextOf(span) })
      return (outcome) => {
        question.setAttribute('codegen.outcome', outcome)
        question.end()
      }
    },
    ended(status) {
      span.setAttribute('codegen.status', status)
      end(span, status === 'success' ? undefined : status)
    },
  }
}

function start(tracer: Tracer, name: string, of: { kind: SpanKind; parent: TraceContext | undefined }): Span {
  return tracer.start({ name, ...of, startTime: new Date(), attributes: {} })
}

function end(span: Span, error: string | undefined): void {
  if (error !== undefined) span.setAttribute('error.type', error).setStatus({ code: SpanStatusCode.ERROR })
  span.end()
}

function contextOf(span: Span): TraceContext {
  const { traceId, spanId, traceFlags } = span.spanContext()
  return { traceId, spanId, flags: traceFlags }
}
