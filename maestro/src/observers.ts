import type { HttpPorts } from '#http/ports'
import type { HeldNow } from '#prometheus/metrics'
import { observeTogether } from '#runs/observe-together'
import type { Observer } from '#runs/observer'
import type { Config } from './config.ts'

type Observers = { readonly observer: Observer; metrics(now: HeldNow): ReturnType<HttpPorts['metrics']> }
type Of = { readonly version: string; readonly server: string; warn(message: string): void }

/**
 * Opens what measures this replica: figures for Prometheus, and traces where there is somewhere to send them. Their libraries are read late, while the
 * storage opens, which mostly waits.
 */
export async function openObservers(
  { tracesUrl }: Pick<Config, 'tracesUrl'>,
  { version, server, warn }: Of,
  stack: AsyncDisposableStack,
): Promise<Observers> {
  const { createMetrics } = await import('#prometheus/metrics')
  const metrics = createMetrics(version)
  if (tracesUrl === undefined) return { observer: metrics.observer, metrics: metrics.render }
  const { openTraces } = await import('#opentelemetry/traces')
  const service = { name: 'maestro', version, instance: server }
  const traces = openTraces({ url: tracesUrl, service, warn })
  stack.defer(() => traces.close())
  return { observer: observeTogether([traces.observer, metrics.observer]), metrics: metrics.render }
}
