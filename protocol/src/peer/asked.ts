import { JSONRPCClient } from 'json-rpc-2.0'
import { Failure } from '#failure'
import { limits } from '#limits'
import { toLine, toNotification } from './message.ts'
import type { RpcId } from './message.ts'
import { parseRpcError, toErrorResponse } from './rpc-error.ts'

export type Timers = { setTimeout(run: () => void, milliseconds: number): unknown; clearTimeout(timer: unknown): void }

export type RequestOptions = {
  /** Default limits.localRequestMs; Infinity waits for ever. */
  timeoutMs?: number
  signal?: AbortSignal
}

/** What this end has asked and has no answer to. */
export function createAsked(write: (line: string) => void, timers: Timers) {
  const client = new JSONRPCClient((payload) => write(toLine(payload)))
  const open = new Set<number>()
  let lastId = 0

  async function request(method: string, parameters: unknown, options: RequestOptions): Promise<unknown> {
    const { signal, timeoutMs = limits.localRequestMs } = options
    if (signal?.aborted) throw toCancelled(signal)
    lastId += 1
    const id = lastId
    const giveUp = (failure: Failure): void => {
      if (!open.has(id)) return
      write(toNotification('$/cancelRequest', { id }))
      client.receive(toErrorResponse(id, failure))
    }
    const onAbort = (): void => giveUp(toCancelled(signal))
    const onTimeout = (): void =>
      giveUp(new Failure('client.timeout', `No answer to ${method} within ${timeoutMs} ms.`))
    open.add(id)
    signal?.addEventListener('abort', onAbort, { once: true })
    const timer = Number.isFinite(timeoutMs) ? timers.setTimeout(onTimeout, timeoutMs) : undefined
    try {
      const response = await client.requestAdvanced({ jsonrpc: '2.0', id, method, params: parameters })
      if (response.error) throw parseRpcError(response.error)
      return response.result
    } finally {
      open.delete(id)
      signal?.removeEventListener('abort', onAbort)
      if (timer !== undefined) timers.clearTimeout(timer)
    }
  }

  function settle(response: { id: RpcId | null; result: unknown; error: unknown }): void {
    const { id, result, error } = response
    if (error) client.receive(toErrorResponse(id, parseRpcError(error)))
    else client.receive({ jsonrpc: '2.0', id, result })
  }

  function fail(failure: Failure): void {
    for (const id of open) client.receive(toErrorResponse(id, failure))
  }

  return { request, settle, fail }
}

function toCancelled(signal: AbortSignal | undefined): Failure {
  const reason: unknown = signal?.reason
  return reason instanceof Failure ? reason : new Failure('client.cancelled', 'The request was cancelled.')
}
