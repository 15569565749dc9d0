import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { Random } from './random.ts'

type Pair = { readonly near: Socket; readonly far: Socket; isFrozen: boolean }

/**
 * What lies between two ends of a connection: it hands each new one to a place that takes it, and can cut, freeze (half-open: nothing moves any more and
 * neither end is told) and delay what it carries, or refuse everybody.
 */
export type TcpProxy = {
  readonly port: number
  /** Connections it carries now. */
  count(): number
  /** Cuts them; with a reset where `isAbrupt`. */
  cut(isAbrupt: boolean): void
  /** Half-open from now on: those there are, not those to come. */
  freeze(): void
  /** Refuses new connections and cuts the others until `accept`. */
  refuse(): void
  accept(): void
  /** Every piece takes so much longer from now on. */
  delay(ms: number): void
  close(): Promise<void>
}

/** `places` are the ports that may take a connection now. */
export async function startTcpProxy(places: () => readonly number[], random: Random): Promise<TcpProxy> {
  const pairs = new Set<Pair>()
  let isRefusing = false
  let delayMs = 0

  const server = createServer({ pauseOnConnect: true }, (near) => {
    near.on('error', () => undefined)
    if (isRefusing) return void near.destroy()
    join(near).catch(() => near.destroy())
  })

  async function join(near: Socket): Promise<void> {
    const far = await reachOne(shuffled(places(), random))
    if (!far || near.destroyed || isRefusing) {
      far?.destroy()
      near.destroy()
      return
    }
    const pair = { near, far, isFrozen: false }
    pairs.add(pair)
    carry(near, far, pair)
    carry(far, near, pair)
    near.resume()
  }

  function carry(from: Socket, to: Socket, pair: Pair): void {
    let lastAt = 0
    from.setNoDelay(true)
    from.on('error', () => undefined)
    from.on('data', (piece) => {
      const at = Math.max(lastAt, performance.now() + delayMs)
      lastAt = at
      const waitMs = at - performance.now()
      if (waitMs > 0) setTimeout(() => to.destroyed || pair.isFrozen || to.write(piece), waitMs)
      else if (!to.write(piece)) {
        from.pause()
        to.once('drain', () => !pair.isFrozen && from.resume())
      }
    })
    from.on('close', () => {
      if (pair.isFrozen && !to.destroyed) return
      pairs.delete(pair)
      setTimeout(() => to.destroy(), Math.max(0, lastAt - performance.now()))
    })
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = (isAbrupt: boolean): void => {
    for (const { near, far } of pairs) {
      for (const socket of [near, far]) {
        if (isAbrupt) socket.resetAndDestroy()
        else socket.destroy()
      }
    }
    pairs.clear()
  }
  return {
    port: (server.address() as AddressInfo).port,
    count: () => pairs.size,
    cut,
    freeze() {
      for (const pair of pairs) {
        pair.isFrozen = true
        pair.near.pause()
        pair.far.pause()
      }
    },
    refuse() {
      isRefusing = true
      cut(true)
    },
    accept() {
      isRefusing = false
    },
    delay(ms) {
      delayMs = ms
    },
    async close() {
      isRefusing = true
      cut(false)
      server.close()
      await once(server, 'close')
    },
  }
}

/** The first place that takes the connection. */
async function reachOne(ports: readonly number[]): Promise<Socket | undefined> {
  for (const port of ports) {
    const socket = connect({ host: '127.0.0.1', port })
    try {
      await once(socket, 'connect')
      return socket
    } catch {
      socket.destroy()
    }
  }
  return undefined
}

function shuffled(ports: readonly number[], random: Random): number[] {
  return ports
    .map((port) => ({ port, key: random.next() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ port }) => port)
}
