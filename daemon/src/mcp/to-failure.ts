import { ProtocolError, SdkError, SdkErrorCode, SdkHttpError, UnauthorizedError } from '@modelcontextprotocol/client'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'

/** Why a server did not do what it was asked, in a sentence that says what to do about it where that is known. */
export function toReason(error: unknown, url: URL | undefined): string {
  if (error instanceof Failure) return error.message
  if (isUnauthorized(error)) {
    return 'it wants to know who asks (401): give it a token with "headers": { "Authorization": "Bearer ${TOKEN}" } in its file, and TOKEN in codegend\'s environment'
  }
  if (error instanceof SdkHttpError)
    return `it answers with HTTP ${error.status ?? '?'}: ${error.message.slice(0, 300)}`
  if (error instanceof ProtocolError)
    return `it answers with an error: ${error.message.slice(0, 2_000)} (${error.code})`
  if (error instanceof SdkError && error.code === SdkErrorCode.RequestTimeout) {
    return `it did not answer within ${limits.mcpStartMsMax} ms`
  }
  if (url && error instanceof TypeError) return `it cannot be reached at ${url.origin} (${causeOf(error)})`
  return error instanceof Error ? error.message.slice(0, 500) : 'it broke'
}

/** The other end of the connection is gone. */
export function isClosed(error: unknown): boolean {
  return error instanceof SdkError && error.code === SdkErrorCode.ConnectionClosed
}

/** It does not know the session of this connection any more, or there is nobody: a new connection may help. */
export function isConnectionLost(error: unknown): boolean {
  if (error instanceof SdkHttpError) return error.status === 404 || error.status === 400
  return error instanceof TypeError
}

function isUnauthorized(error: unknown): boolean {
  return error instanceof UnauthorizedError || (error instanceof SdkHttpError && error.status === 401)
}

/** What fetch hides in the cause. */
function causeOf(error: TypeError): string {
  const { cause } = error
  if (typeof cause === 'object' && cause !== null && 'code' in cause) return String(cause.code)
  return error.message.slice(0, 200)
}
