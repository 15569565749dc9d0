import { Failure } from '#failure'

/** What one line of JSON-RPC may be. */
export type RpcMessage =
  | { kind: 'request'; id: RpcId; method: string; parameters: unknown }
  | { kind: 'notification'; method: string; parameters: unknown }
  | { kind: 'response'; id: RpcId | null; result: unknown; error: unknown }
  /** `id` is that of the request it was meant to be, where one could be read. */
  | { kind: 'malformed'; id: RpcId | null; failure: Failure }

export type RpcId = string | number

const idCharactersMax = 200
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Reads one line. Never throws: what is no message is `malformed` with the Failure to answer. */
export function parseRpcMessage(line: Uint8Array): RpcMessage {
  let message: unknown
  try {
    message = JSON.parse(utf8.decode(line))
  } catch {
    return { kind: 'malformed', id: null, failure: new Failure('request.unparsable', 'The line is not JSON in UTF-8.') }
  }
  if (Array.isArray(message)) return malformed(null, 'Batches are not taken: send one message a line.')
  if (typeof message !== 'object' || message === null) return malformed(null, 'The message is not a JSON object.')
  return parseMembers(message)
}

/** The line of a notification. */
export function toNotification(method: string, parameters: unknown): string {
  return toLine({ jsonrpc: '2.0', method, params: parameters })
}

/** A message as it is written. */
export function toLine(message: unknown): string {
  return `${JSON.stringify(message)}\n`
}

type Members = {
  jsonrpc?: unknown
  id?: unknown
  method?: unknown
  params?: unknown
  result?: unknown
  error?: unknown
}

function parseMembers(message: Members): RpcMessage {
  const { id, method, params, result, error } = message
  const readableId = isRpcId(id) ? id : null
  // An answer is never answered, or two ends could complain to each other for ever.
  if (method === undefined && (result !== undefined || error !== undefined)) {
    return { kind: 'response', id: readableId, result, error }
  }
  if (message.jsonrpc !== '2.0') return malformed(readableId, 'The message does not say "jsonrpc": "2.0".')
  if (id !== undefined && readableId === null) {
    return malformed(null, 'An id must be an integer or a string of 1 to 200 characters.')
  }
  if (typeof method !== 'string') return malformed(readableId, 'The message has no "method" that is a string.')
  if (params !== undefined && (typeof params !== 'object' || params === null)) {
    return malformed(readableId, 'The params are neither an object nor an array.')
  }
  if (readableId === null) return { kind: 'notification', method, parameters: params }
  return { kind: 'request', id: readableId, method, parameters: params }
}

function malformed(id: RpcId | null, sentence: string): RpcMessage {
  return { kind: 'malformed', id, failure: new Failure('request.malformed', sentence) }
}

function isRpcId(id: unknown): id is RpcId {
  return Number.isSafeInteger(id) || (typeof id === 'string' && id.length > 0 && id.length <= idCharactersMax)
}
