import type { JSONRPCMessage, JSONRPCRequest, JSONRPCResponse } from '@modelcontextprotocol/client'

/** Reads a line as a message; undefined for anything else, which some servers print as well. Cheap, since a server may flood; the library looks closer at what it takes. */
export function parseMessage(line: string): JSONRPCMessage | undefined {
  try {
    const found: unknown = JSON.parse(line)
    return isMessage(found) ? found : undefined
  } catch {
    return undefined
  }
}

export function isRequest(message: JSONRPCMessage): message is JSONRPCRequest {
  return 'method' in message && 'id' in message
}

export function isResponse(message: JSONRPCMessage): message is JSONRPCResponse {
  return !('method' in message)
}

function isMessage(found: unknown): found is JSONRPCMessage {
  if (typeof found !== 'object' || found === null || !('jsonrpc' in found) || found.jsonrpc !== '2.0') return false
  const isFramed = !('id' in found) || ['string', 'number'].includes(typeof found.id)
  if ('method' in found) return isFramed && typeof found.method === 'string'
  return (
    isFramed &&
    'id' in found &&
    ('result' in found ? isObject(found.result) : 'error' in found && isObject(found.error))
  )
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}
