import { createJSONRPCErrorResponse } from 'json-rpc-2.0'
import type { JSONRPCErrorResponse } from 'json-rpc-2.0'
import { Failure, failures, isFailureCode } from '#failure'
import type { FailureCode } from '#failure'

/** The answer that tells the other end of a failure; `data` carries our own code, so that nothing is lost on the way. */
export function toErrorResponse(id: string | number | null, failure: Failure): JSONRPCErrorResponse {
  const { rpc, retry } = failures[failure.code]
  const hint = failure.hint === undefined ? {} : { hint: failure.hint }
  return createJSONRPCErrorResponse(id, rpc, failure.message, { code: failure.code, retryable: retry, ...hint })
}

/** The Failure that an error answer stands for. One that did not come from CodeGen is found by its number, else it is internal. */
export function parseRpcError(error: unknown): Failure {
  const { code, message, data } = isRecord(error) ? error : {}
  const { code: word, hint } = isRecord(data) ? data : {}
  const failureCode = typeof word === 'string' && isFailureCode(word) ? word : findByNumber(code)
  const text = typeof message === 'string' && message ? message : 'The other end failed without saying why.'
  return new Failure(failureCode, text, typeof hint === 'string' ? { hint } : {})
}

function findByNumber(rpc: unknown): FailureCode {
  for (const code of Object.keys(failures)) if (isFailureCode(code) && failures[code].rpc === rpc) return code
  return 'internal'
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
