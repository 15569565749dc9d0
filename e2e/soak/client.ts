import { setTimeout as delay } from 'node:timers/promises'
import type { DaemonMethods, Notifications } from '@codegen/protocol/local'
import type { Peer } from '@codegen/protocol/peer'
import { connectToDaemon } from '#demo/daemon-client'

/** A client of codegend, as a terminal is one: it starts a run, or attaches, and leaves. */
export type SoakClient = {
  readonly peer: Peer<DaemonMethods>
  /** Resolves with a run's status when its end is told here; with 'unknown' when the connection is gone before. */
  ended(generationId: string): Promise<string>
  close(): void
}

/** Fails where codegend does not answer. */
export async function openClient(home: string): Promise<SoakClient> {
  const endings = new Map<string, PromiseWithResolvers<string>>()
  const ending = (generationId: string): PromiseWithResolvers<string> => {
    const known = endings.get(generationId) ?? Promise.withResolvers<string>()
    endings.set(generationId, known)
    return known
  }
  const connected = await connectToDaemon(home, {
    kind: 'soak',
    notifications: {
      'run/finished': (news) => {
        const { generation_id, status } = news as Notifications['run/finished']
        ending(generation_id).resolve(status)
      },
    },
    onGone() {
      for (const { resolve } of endings.values()) resolve('unknown')
    },
  })
  if (!connected) throw new Error('codegend does not listen any more.')
  return { peer: connected.peer, ended: (id) => ending(id).promise, close: connected.close }
}

/** Attaches to a run for a while, and leaves: by saying so, or by just being gone. */
export async function lookIn(home: string, generationId: string, ms: number): Promise<void> {
  const client = await openClient(home)
  try {
    await client.peer.request('run/attach', { generation_id: generationId })
    await delay(ms)
    if (ms % 2 === 0) await client.peer.request('run/detach', { generation_id: generationId })
  } finally {
    client.close()
  }
}
