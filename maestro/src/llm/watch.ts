import type { ClientRequest, IncomingMessage } from 'node:http'
import type { ModelBounds } from './answer.ts'
import { Breakdown } from './breakdown.ts'
import type { BreakdownCause } from './breakdown.ts'

/** Keeps the times of one exchange and knows why it was ended. */
export type Watch = {
  /** Resolves with the head of the answer. */
  head(): Promise<IncomingMessage>
  /** Something came in. */
  sign(): void
  /** The answer is whole; what still comes on this connection has this long. */
  finish(msMax: number): void
  /** Ends the exchange for this reason. */
  end(cause: BreakdownCause): void
  /** The reason of its end, also when the other side or the system made it. */
  breakdown(thrown: unknown): Breakdown
  stop(): void
}

/** Watches over one request from now on; `stop` it when its connection is done with it. */
export function watchOver(sent: ClientRequest, bounds: ModelBounds): Watch {
  let reason: Breakdown | undefined
  let ms = bounds.firstByteMsMax
  const end: Watch['end'] = (cause) => {
    reason ??= new Breakdown(cause)
    sent.destroy(reason)
  }
  let timer = setTimeout(() => end({ kind: 'silent', ms }), ms)
  const connecting = setTimeout(() => end({ kind: 'unconnected', code: 'ETIMEDOUT' }), bounds.connectMsMax)
  const restart = (next: number): void => {
    ms = next
    clearTimeout(timer)
    timer = setTimeout(() => end({ kind: 'silent', ms }), ms)
  }
  const breakdown: Watch['breakdown'] = (thrown) => reason ?? toBreakdown(thrown, sent.reusedSocket)
  const head = new Promise<IncomingMessage>((resolve, reject) => {
    sent.once('response', resolve)
    sent.on('error', (error) => reject(breakdown(error)))
  })
  sent.once('socket', (socket) => {
    if (socket.connecting) socket.once('connect', () => clearTimeout(connecting))
    else clearTimeout(connecting)
  })

  return {
    head: () => head,
    sign() {
      if (ms === bounds.silenceMsMax) timer.refresh()
      else restart(bounds.silenceMsMax)
    },
    finish: restart,
    end,
    breakdown,
    stop() {
      clearTimeout(timer)
      clearTimeout(connecting)
    },
  }
}

const connectCodes = [
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'EADDRNOTAVAIL',
]

function toBreakdown(thrown: unknown, wasIdle: boolean): Breakdown {
  if (thrown instanceof Breakdown) return thrown
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
  if (connectCodes.includes(code) || isTlsCode(code)) return new Breakdown({ kind: 'unconnected', code }, thrown)
  if (code.startsWith('HPE_')) return new Breakdown({ kind: 'garbled', what: 'no HTTP' }, thrown)
  return new Breakdown({ kind: 'cut', wasIdle }, thrown)
}

/** Whether TLS did not come about: nobody has to try that again. */
export function isTlsCode(code: string): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|EPROTO/.test(code)
}
