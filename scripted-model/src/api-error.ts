import type { ServerResponse } from 'node:http'

type Details = { readonly status: number; readonly type: string; readonly code?: string; readonly retryAfter?: string }

/** An answer in OpenAI's error format. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly #details: Details

  constructor(message: string, details: Details) {
    super(message)
    this.#details = details
  }

  /** The request, or the run it belongs to, is not what the scenario is for. The message says why. */
  static badRequest(message: string): ApiError {
    return new ApiError(message, { status: 400, type: 'invalid_request_error' })
  }

  get status(): number {
    return this.#details.status
  }

  /** The body as OpenAI writes it. */
  toJSON() {
    const { type, code = null } = this.#details
    return { error: { message: this.message, type, param: null, code } }
  }

  /** Answers with this error. Never to be called after the head of an answer was sent. */
  send(response: ServerResponse): void {
    const { status, retryAfter } = this.#details
    response.writeHead(status, {
      'content-type': 'application/json',
      ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }),
    })
    response.end(JSON.stringify(this))
  }
}

/** The kind of error OpenAI names with a status. */
export function errorTypeOf(status: number): string {
  if (status === 429) return 'rate_limit_error'
  if (status === 401) return 'authentication_error'
  return status >= 500 ? 'server_error' : 'invalid_request_error'
}
