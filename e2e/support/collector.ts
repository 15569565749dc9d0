import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'

/** A span as it arrived. */
export type CollectedSpan = {
  readonly service: string
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  /** Empty for a root. */
  readonly parentId: string
  readonly startNs: bigint
  readonly endNs: bigint
  readonly attributes: Readonly<Record<string, string | number | boolean>>
}

/** A collector of OTLP over HTTP, as JSON. */
export type Collector = {
  readonly url: string
  readonly spans: readonly CollectedSpan[]
  /** Everything that was sent, as it came. */
  raw(): string
  /** Resolves when what has arrived fits. */
  until(fits: (spans: readonly CollectedSpan[]) => boolean): Promise<void>
}

const waitMsMax = 20_000

/** Listens on a free port until the test ends. */
export async function startCollector(t: Pick<Test, 'teardown'>): Promise<Collector> {
  const spans: CollectedSpan[] = []
  const bodies: string[] = []
  let arrival = Promise.withResolvers<void>()
  const take = (body: string): void => {
    bodies.push(body)
    spans.push(...readSpans(JSON.parse(body)))
    arrival.resolve()
    arrival = Promise.withResolvers()
  }
  const server = createServer((request, response) => {
    const isOurs = request.url === '/v1/traces' && request.headers['content-type'] === 'application/json'
    if (!isOurs) return void response.writeHead(415).end()
    text(request).then(
      (body) => {
        take(body)
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
      },
      () => response.destroy(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    raw: () => bodies.join('\n'),
    async until(fits) {
      const late = AbortSignal.timeout(waitMsMax)
      while (!fits(spans)) {
        if (late.aborted) throw new Error(`only these came: ${spans.map(({ name }) => name).join(', ')}`)
        await Promise.race([
          arrival.promise,
          new Promise((resolve) => late.addEventListener('abort', resolve, { once: true })),
        ])
      }
    },
  }
}

type Value = { stringValue?: string; intValue?: number | string; boolValue?: boolean; doubleValue?: number }
type Attribute = { key: string; value: Value }
type SentSpan = {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  startTimeUnixNano: string
  endTimeUnixNano: string
  attributes?: Attribute[]
}
type Request = {
  resourceSpans: { resource: { attributes: Attribute[] }; scopeSpans: { spans: SentSpan[] }[] }[]
}

function readSpans({ resourceSpans }: Request): CollectedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(toAttributes(resource.attributes)['service.name'])
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => toCollected(service, span)))
  })
}

function toCollected(service: string, span: SentSpan): CollectedSpan {
  const { name, traceId, spanId, parentSpanId = '', startTimeUnixNano, endTimeUnixNano, attributes = [] } = span
  const times = { startNs: BigInt(startTimeUnixNano), endNs: BigInt(endTimeUnixNano) }
  return { service, name, traceId, spanId, parentId: parentSpanId, ...times, attributes: toAttributes(attributes) }
}

function toAttributes(attributes: Attribute[]): Record<string, string | number | boolean> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, toValue(value)]))
}

function toValue({ stringValue, intValue, boolValue, doubleValue }: Value): string | number | boolean {
  if (intValue !== undefined) return Number(intValue)
  return stringValue ?? boolValue ?? doubleValue ?? ''
}
