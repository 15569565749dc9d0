import { setTimeout as delay } from 'node:timers/promises'
import { serverSentEvents } from '#support/server-sent-events'
import { createEventOrder } from './event-order.ts'
import type { EventOrder } from './event-order.ts'
import type { Random } from './random.ts'

/** Somebody who watches a run to its end, however often the connection is lost. */
export type Viewer = {
  readonly generationId: string
  readonly kind: 'http' | 'local'
  readonly order: EventOrder
  /** How often it began to read. */
  reads: number
  /** Resolves when it has seen the end, or was stopped. */
  readonly done: Promise<void>
}

export type HttpViewing = {
  readonly generationId: string
  readonly token: string
  /** The address of a replica, or of what lies before them, each time another. */
  address(): string
  readonly signal: AbortSignal
  readonly random: Random
  /** Leaves by itself now and then, in the middle of whatever comes. */
  readonly isRestless: boolean
}

/** Watches over HTTP, going on from its last event after each loss, at whichever replica answers. */
export function watchOverHttp(viewing: HttpViewing): Viewer {
  const order = createEventOrder()
  const { promise: done, resolve } = Promise.withResolvers<void>()
  const viewer: Viewer = { generationId: viewing.generationId, kind: 'http', order, reads: 0, done }
  const watch = async (): Promise<void> => {
    while (!order.isEnded() && !viewing.signal.aborted) {
      viewer.reads += 1
      await readOnce(viewing, order).catch(() => undefined)
      if (!order.isEnded()) await delay(viewing.random.between(20, 150), undefined, { ref: false })
    }
  }
  watch().then(resolve, resolve)
  return viewer
}

async function readOnce(viewing: HttpViewing, order: EventOrder): Promise<void> {
  const leave = new AbortController()
  const last = order.last()
  const timer = viewing.isRestless ? setTimeout(() => leave.abort(), viewing.random.between(50, 1_500)) : undefined
  // Nothing at all for so long: the connection is half-open. The server says something every few seconds.
  let silence = setTimeout(() => leave.abort(), silenceMsMax)
  try {
    const response = await fetch(`${viewing.address()}/v1/runs/${viewing.generationId}/events`, {
      headers: { authorization: `Bearer ${viewing.token}`, ...(last === undefined ? {} : { 'last-event-id': last }) },
      signal: AbortSignal.any([viewing.signal, leave.signal]),
    })
    if (!response.ok || !response.body) return
    for await (const sent of serverSentEvents(response.body)) {
      clearTimeout(silence)
      silence = setTimeout(() => leave.abort(), silenceMsMax)
      if (sent) order.take({ id: sent.id, type: sent.event, text: sent.data })
    }
  } finally {
    clearTimeout(timer)
    clearTimeout(silence)
  }
}

const silenceMsMax = 20_000
