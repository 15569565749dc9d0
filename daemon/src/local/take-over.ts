import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { Failure } from '@codegen/protocol/failure'
import type { DaemonMethods } from '@codegen/protocol/local'
import { createPeer } from '@codegen/protocol/peer'
import type { Peer } from '@codegen/protocol/peer'
import { limits } from '#limits'

/** An earlier codegend that has handed over. */
export type HandedOver = {
  readonly pid: number
  /** Calls it still runs. */
  readonly callsOpen: number
  /** Lets it leave once its calls have ended. */
  release(): void
}

/**
 * Asks the codegend that listens on `path` to hand over; undefined where none does. One that is just leaving is waited for; one of a release that cannot hand over is
 * asked to end instead. Fails with client.busy, and then the other one goes on, or says itself in its log why it could not.
 */
export async function takeOver(path: string, version: string, isAlive: IsAlive): Promise<HandedOver | undefined> {
  const deadline = performance.now() + limits.handOverMsMax
  for (;;) {
    try {
      return await takeOverOnce(path, version, isAlive)
    } catch (cause) {
      const isLeaving = cause instanceof Failure && cause.code === 'client.closed'
      if (isLeaving && performance.now() < deadline) {
        await delay(limits.holderGoneEveryMs)
        continue
      }
      const reason = cause instanceof Error ? cause.message : 'unknown'
      const message = `The codegend on ${path} did not hand over (${reason}); codegen logs tells more.`
      throw new Failure('client.busy', message, { cause })
    }
  }
}

type IsAlive = (pid: number) => boolean

async function takeOverOnce(path: string, version: string, isAlive: IsAlive): Promise<HandedOver | undefined> {
  const socket = connect(path)
  const peer = createPeer<DaemonMethods>({
    write: (line) => socket.write(line),
    close: () => socket.destroy(),
    timers: { setTimeout, clearTimeout },
  })
  const absent = Promise.withResolvers<undefined>()
  socket.on('data', (chunk) => peer.receive(chunk))
  socket.on('error', (error) => {
    if ('code' in error && (error.code === 'ENOENT' || error.code === 'ECONNREFUSED')) absent.resolve(undefined)
  })
  socket.on('close', () => peer.close(new Failure('client.closed', 'it closed the connection')))
  const release = (): void => peer.close(new Failure('client.closed', 'codegend has taken over.'))
  const asked = askToHandOver(peer, version, isAlive)
  asked.catch(() => undefined)
  try {
    const answered = await Promise.race([asked, absent.promise])
    return answered && { ...answered, release }
  } catch (failure) {
    release()
    throw failure
  }
}

async function askToHandOver(
  peer: Peer<DaemonMethods>,
  version: string,
  isAlive: IsAlive,
): Promise<Omit<HandedOver, 'release'>> {
  const introduction = { version, client: { kind: 'codegend' as const, pid: process.pid } }
  const { pid } = await peer.request('initialize', introduction, { timeoutMs: limits.whoIsFirstMs })
  try {
    const { calls_open: callsOpen } = await peer.request('daemon/hand-over', {}, { timeoutMs: limits.handOverMsMax })
    return { pid, callsOpen }
  } catch (failure) {
    if (!(failure instanceof Failure) || failure.code !== 'method.unknown') throw failure
  }
  await peer.request('daemon/shutdown', {})
  const deadline = performance.now() + limits.handOverMsMax
  while (isAlive(pid)) {
    if (performance.now() > deadline)
      throw new Failure('client.timeout', `pid ${pid} was asked to leave and is still there`)
    await delay(limits.holderGoneEveryMs)
  }
  return { pid, callsOpen: 0 }
}
