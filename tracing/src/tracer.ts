import { setTimeout as delay } from 'node:timers/promises'
import { ROOT_CONTEXT, trace } from '@opentelemetry/api'
import type { Attributes, Span, SpanKind } from '@opentelemetry/api'
import { ExportResultCode } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor, RandomIdGenerator } from '@opentelemetry/sdk-trace-base'
import type { SpanExporter } from '@opentelemetry/sdk-trace-base'
import type { TraceContext } from '@codegen/protocol/traceparent'
import { limits } from '#limits'

/** Makes spans and sends them where they are collected, some at a time, beside everything else. */
export type Tracer = {
  start(span: SpanStart): Span
  /** Sends what is left, but not for long. */
  close(): Promise<void>
}

export type SpanStart = {
  readonly name: string
  readonly kind: SpanKind
  readonly startTime: Date
  readonly attributes: Attributes
  readonly parent?: TraceContext | undefined
  /** Where its ids have to be the same on every replica; of a span with a parent the trace is the parent's. */
  readonly ids?: { readonly traceId: string; readonly spanId: string }
}

export type TracerOptions = {
  /** Of the collector: OTLP over HTTP, as JSON. */
  readonly url: string
  readonly service: { readonly name: string; readonly version: string; readonly instance: string }
  warn(message: string): void
}

/**
 * Opens nothing yet. The variables of OpenTelemetry are heeded (headers, sampler, resource attributes, batches). A collector that is slow or gone costs
 * spans, never time: at most 2,048 wait, the rest is dropped.
 */
export function createTracer({ url, service, warn }: TracerOptions): Tracer {
  const random = new RandomIdGenerator()
  let next: SpanStart['ids']
  const { name, version, instance } = service
  const own = { 'service.name': name, 'service.version': version, 'service.instance.id': instance }
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes(own).merge(detectResources({ detectors: [envDetector] })),
    spanLimits: { attributeCountLimit: 32, attributeValueLengthLimit: limits.spanTextCharactersMax },
    spanProcessors: [new BatchSpanProcessor(toldExporter(new OTLPTraceExporter({ url }), { url, warn }))],
    idGenerator: {
      generateTraceId: () => next?.traceId ?? random.generateTraceId(),
      generateSpanId: () => next?.spanId ?? random.generateSpanId(),
    },
  })
  const tracer = provider.getTracer(name, version)
  return {
    start({ parent, ids, ...span }) {
      next = ids
      return tracer.startSpan(span.name, span, parent && toContext(parent))
    },
    async close() {
      const sent = provider.shutdown().catch(() => undefined)
      await Promise.race([sent, delay(limits.tracesFlushMsMax, undefined, { ref: false })])
    },
  }
}

function toContext({ traceId, spanId, flags }: TraceContext) {
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: flags & 1, isRemote: true })
}

/** Says once that spans cannot be sent, and again only after they could. */
function toldExporter(exporter: SpanExporter, { url, warn }: Pick<TracerOptions, 'url' | 'warn'>): SpanExporter {
  let isFailing = false
  return {
    export(spans, report) {
      exporter.export(spans, (result) => {
        const hasFailed = result.code !== ExportResultCode.SUCCESS
        if (hasFailed && !isFailing) {
          const reason = result.error?.message.slice(0, limits.spanTextCharactersMax) || 'no reason given'
          warn(`Traces cannot be sent to ${new URL(url).origin} (${reason}); they are dropped until they can.`)
        }
        isFailing = hasFailed
        report(result)
      })
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  }
}
