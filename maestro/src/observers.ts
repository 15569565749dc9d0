import type { HttpPorts } from '#http/ports'
import type { HeldNow } from '#prometheus/metrics'
import type { Observer } from '#runs/observer'

type Observers = { readonly observer: Observer; metrics(now: HeldNow): ReturnType<HttpPorts['metrics']> }

/** Opens what measures this replica. Its libraries are read late, while the storage opens, which mostly waits. */
export async function openObservers(version: string): Promise<Observers> {
  const { createMetrics } = await import('#prometheus/metrics')
  const metrics = createMetrics(version)
  return { observer: metrics.observer, metrics: metrics.render }
}
