import type { JSONRPCMessage, Transport, TransportSendOptions } from '@modelcontextprotocol/client'
import { limits } from '#limits'
import { isRequest, isResponse } from './parse-message.ts'

type Extra = Parameters<NonNullable<Transport['onmessage']>>[1]

/**
 * A transport whose messages are taken up in the order they came: the library takes up an answer at once and news a moment later, so that the last news of a call would
 * find nobody. An answer to nothing that was asked is dropped, as is a flood of news, and a request whose stream ends without an answer is answered with an error.
 */
export function toOrderly(inner: Transport, listed: (tools: readonly unknown[]) => void): Transport {
  const asked = new Map<string | number, string>()
  const turns = createTurns()
  const isWanted = createNewsGate()
  const outer: Transport = {
    start: () => inner.start(),
    close: () => inner.close(),
    send(message, options) {
      const cancelled = toCancelled(message)
      if (cancelled !== undefined) asked.delete(cancelled)
      if (!isRequest(message)) return inner.send(message, options)
      asked.set(message.id, message.method)
      return inner.send(message, { ...options, onRequestStreamEnd: () => lost(message.id, options) })
    },
    setProtocolVersion: (version) => inner.setProtocolVersion?.(version),
    setSupportedProtocolVersions: (versions) => inner.setSupportedProtocolVersions?.(versions),
    get sessionId() {
      return inner.sessionId
    },
    ...(inner.hasPerRequestStream === undefined ? {} : { hasPerRequestStream: inner.hasPerRequestStream }),
  }
  Object.assign(inner, {
    onclose: () => outer.onclose?.(),
    onerror: (error: Error) => outer.onerror?.(error),
    onmessage: receive,
  })

  function receive(message: JSONRPCMessage, extra: Extra): void {
    const deliver = (taken: JSONRPCMessage): void => outer.onmessage?.(taken, extra)
    if (isResponse(message)) {
      const method = asked.get(message.id ?? '')
      if (method === undefined) return
      asked.delete(message.id ?? '')
      turns.answer(() => deliver(method === 'tools/list' ? withoutTools(message, listed) : message))
    } else if (isWanted()) turns.news(() => deliver(message))
  }

  function lost(id: string | number, options: TransportSendOptions | undefined): void {
    options?.onRequestStreamEnd?.()
    const message = 'The server ended the connection before it had answered.'
    receive({ jsonrpc: '2.0', id, error: { code: connectionLost, message } }, undefined)
  }

  return outer
}

/** The library would refuse a whole list for one tool that is not as it should be; so it gets none, and whoever can use some gets all. */
function withoutTools(message: JSONRPCMessage, listed: (tools: readonly unknown[]) => void): JSONRPCMessage {
  if (!('result' in message)) return message
  const { tools } = message.result
  if (Array.isArray(tools)) listed(tools)
  return { ...message, result: { ...message.result, tools: [] } }
}

/** Of the range that is open to implementations. */
const connectionLost = -32_000

function toCancelled(message: JSONRPCMessage): string | number | undefined {
  if (!('method' in message) || message.method !== 'notifications/cancelled') return undefined
  const id = message.params?.['requestId']
  return typeof id === 'string' || typeof id === 'number' ? id : undefined
}

/** News is handed on as it comes; an answer waits until the news before it has been taken up. */
function createTurns(): { news(deliver: () => void): void; answer(deliver: () => void): void } {
  const waiting: (() => void)[] = []
  let isHeld = false

  function handOn(): void {
    isHeld = false
    for (const deliver of waiting.splice(0)) deliver()
  }

  return {
    news(deliver) {
      deliver()
      if (!isHeld) setImmediate(handOn)
      isHeld = true
    },
    answer(deliver) {
      if (isHeld) waiting.push(deliver)
      else deliver()
    },
  }
}

function createNewsGate(): () => boolean {
  let [since, count] = [performance.now(), 0]
  return () => {
    const now = performance.now()
    if (now - since > 1_000) [since, count] = [now, 0]
    count += 1
    return count <= limits.mcpNewsPerSecondMax
  }
}
