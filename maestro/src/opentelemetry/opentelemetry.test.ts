import { once } from 'node:events'
import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { SpanKind } from '@opentelemetry/api'
import { test } from 'tap'
import { parseTraceparent } from '@codegen/protocol/traceparent'
import { openTraces } from './traces.ts'
import { createTracer } from '@codegen/tracing/tracer'

const service = { name: 'maestro', version: '1', instance: 'here' }
const run = { generationId: 'g-1', model: 'm', startedMs: 0, isClaimed: false }

test('behind a collector that does not answer a bounded number of spans waits, and the rest is dropped', async (t) => {
  let received = 0
  const held: ServerResponse[] = []
  const collector = createServer((request, response) => {
    text(request).then((body) => {
      received += body.split('"spanId"').length - 1
      held.push(response)
      if (held.length > 1) for (const waiting of held) waiting.end('{}')
      collector.emit('received')
    }, t.fail)
  })
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve))
  t.teardown(() => collector.close())
  const { port } = collector.address() as AddressInfo
  const tracer = createTracer({ url: `http://127.0.0.1:${port}/v1/traces`, service, warn: t.fail })

  const first = once(collector, 'received')
  const emit = (count: number): void => {
    const span = { name: 'x', kind: SpanKind.INTERNAL, startTime: new Date(), attributes: {} }
    for (let n = 0; n < count; n += 1) tracer.start(span).end()
  }
  emit(512)
  await first
  emit(50_000)
  held[0]?.end('{}')
  await tracer.close()
  t.equal(received, 512 + 2_048)
})

test('a run whose caller does not keep his trace sends no spans, and says so to the tools', async (t) => {
  const traces = openTraces({ url: 'http://127.0.0.1:9/v1/traces', service, warn: t.fail })
  const unkept = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`
  const observed = traces.observer.runTaken({ ...run, traceparent: unkept })
  t.match(parseTraceparent(observed.traceparentOf('t-1')), { traceId: 'a'.repeat(32), flags: 0 })
  observed.runLeft('completed', 5)
  await traces.close()
})

test('without a caller’s trace, or with one that is none, every replica gives a run the same one', (t) => {
  const open = () => openTraces({ url: 'http://127.0.0.1:9/v1/traces', service, warn: t.fail }).observer
  const contexts = [undefined, 'nonsense', `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`].map((traceparent) =>
    open()
      .runTaken({ ...run, traceparent })
      .traceparentOf('t-1'),
  )
  t.equal(new Set(contexts).size, 1)
  t.match(parseTraceparent(contexts[0]), { flags: 1 })
  t.not(
    open()
      .runTaken({ ...run, generationId: 'g-2', traceparent: undefined })
      .traceparentOf('t-1'),
    contexts[0],
  )
  t.end()
})
