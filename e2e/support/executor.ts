import { once } from 'node:events'
import type { Test } from 'tap'
import { WebSocket } from 'ws'

export type Frame = { readonly type: string; readonly payload: Record<string, unknown> }
export type Closed = { readonly code: number; readonly reason: string }

/** An executor in the test's own hands: it sends what it is told to and shows what came. */
export type TestExecutor = {
  readonly socket: WebSocket
  /** Every frame that came, in order. */
  readonly frames: readonly Frame[]
  send(type: string, payload: object): void
  /** The next frame that nobody has taken yet, or how the connection was closed. */
  next(): Promise<Frame | Closed>
  /** Takes frames up to the next of this type that fits; fails when the connection is closed first. */
  receive(type: string, fits?: (payload: Frame['payload']) => boolean): Promise<Frame['payload']>
  /** Resolves when it is closed, by whomever. */
  closed(): Promise<Closed>
}

const waitMsMax = 15_000

/** Dials Maestro. Fails when it is refused. */
export async function connectExecutor(
  t: Test,
  maestro: { readonly url: string; readonly token: string },
): Promise<TestExecutor> {
  const socket = new WebSocket(maestro.url, { headers: { authorization: `Bearer ${maestro.token}` } })
  t.teardown(() => socket.terminate())
  const frames: Frame[] = []
  let taken = 0
  let end: Closed | undefined
  let arrival = Promise.withResolvers<void>()
  const wake = (): void => {
    arrival.resolve()
    arrival = Promise.withResolvers()
  }
  socket.on('message', (bytes: Buffer) => {
    frames.push(JSON.parse(bytes.toString('utf8')))
    wake()
  })
  socket.on('close', (code, reason) => {
    end = { code, reason: reason.toString('utf8') }
    wake()
  })
  await once(socket, 'open')
  socket.on('error', () => undefined)

  const next = async (): Promise<Frame | Closed> => {
    const late = AbortSignal.timeout(waitMsMax)
    for (;;) {
      const frame = frames[taken]
      if (frame) {
        taken += 1
        return frame
      }
      if (end) return end
      await Promise.race([arrival.promise, rejectWhen(late, `nothing came in ${waitMsMax} ms; ${seen(frames)}`)])
    }
  }
  return {
    socket,
    frames,
    send: (type, payload) => socket.send(JSON.stringify({ type, payload })),
    next,
    async receive(type, fits = () => true) {
      for (;;) {
        const arrived = await next()
        if ('code' in arrived) throw new Error(`closed with ${arrived.code} (${arrived.reason}) before any ${type}`)
        if (arrived.type === type && fits(arrived.payload)) return arrived.payload
      }
    },
    async closed() {
      if (!end) await once(socket, 'close', { signal: AbortSignal.timeout(waitMsMax) })
      return end ?? { code: 0, reason: '' }
    },
  }
}

function rejectWhen(signal: AbortSignal, message: string): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error(message)), { once: true })
  })
}

function seen(frames: readonly Frame[]): string {
  return `before it came ${frames.map((frame) => frame.type).join(', ') || 'nothing'}, at last ${JSON.stringify(frames.at(-1))}`
}
