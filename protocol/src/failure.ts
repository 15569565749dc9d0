/** Every failure one part may report to another: HTTP status, JSON-RPC code, and whether trying again can help. A new failure is one new line here. */
export const failures = {
  internal: { http: 500, rpc: -32603, retry: false },
  'request.invalid': { http: 400, rpc: -32602, retry: false },
  'request.unparsable': { http: 400, rpc: -32700, retry: false },
  'request.malformed': { http: 400, rpc: -32600, retry: false },
  'request.media_type': { http: 415, rpc: -32602, retry: false },
  'request.misdirected': { http: 421, rpc: -32600, retry: false },
  'request.too_many': { http: 429, rpc: -32001, retry: true },
  'method.unknown': { http: 404, rpc: -32601, retry: false },
  'config.invalid': { http: 500, rpc: -32602, retry: false },
  'client.busy': { http: 429, rpc: -32001, retry: true },
  'client.not_initialized': { http: 400, rpc: -32002, retry: false },
  'client.version': { http: 400, rpc: -32600, retry: false },
  'client.closed': { http: 503, rpc: -32017, retry: true },
  'client.cancelled': { http: 499, rpc: -32800, retry: false },
  'client.timeout': { http: 504, rpc: -32016, retry: true },
  'server.unreachable': { http: 503, rpc: -32010, retry: true },
  'server.full': { http: 503, rpc: -32010, retry: true },
  'server.unauthenticated': { http: 401, rpc: -32011, retry: false },
  'server.forbidden': { http: 403, rpc: -32011, retry: false },
  'message.invalid': { http: 400, rpc: -32602, retry: false },
  'message.unknown': { http: 400, rpc: -32601, retry: false },
  'message.too_big': { http: 413, rpc: -32602, retry: false },
  'run.unknown': { http: 404, rpc: -32012, retry: false },
  'run.finished': { http: 409, rpc: -32013, retry: false },
  'run.busy': { http: 429, rpc: -32001, retry: false },
  'run.refused': { http: 403, rpc: -32015, retry: false },
  'run.lost_servers': { http: 500, rpc: -32603, retry: false },
  'question.closed': { http: 409, rpc: -32013, retry: false },
  'run.abandoned': { http: 409, rpc: -32013, retry: false },
  'run.limit': { http: 429, rpc: -32016, retry: false },
  'run.unreadable': { http: 500, rpc: -32603, retry: false },
  'executor.superseded': { http: 409, rpc: -32010, retry: true },
  'executor.unknown': { http: 404, rpc: -32602, retry: false },
  'executor.offline': { http: 503, rpc: -32010, retry: true },
  'model.unconfigured': { http: 503, rpc: -32010, retry: false },
  'model.unauthenticated': { http: 502, rpc: -32010, retry: false },
  'model.unknown': { http: 502, rpc: -32010, retry: false },
  'model.unreachable': { http: 502, rpc: -32010, retry: true },
  'model.refused': { http: 502, rpc: -32010, retry: false },
  'model.context_full': { http: 502, rpc: -32010, retry: false },
  'model.bad_answer': { http: 502, rpc: -32010, retry: true },
  'postgres.unreachable': { http: 503, rpc: -32010, retry: true },
  'redis.unreachable': { http: 503, rpc: -32010, retry: true },
  'tool.unknown': { http: 404, rpc: -32014, retry: false },
  'tool.unavailable': { http: 503, rpc: -32014, retry: true },
  'tool.bad_arguments': { http: 400, rpc: -32602, retry: false },
  'tool.denied': { http: 403, rpc: -32015, retry: false },
  'tool.timeout': { http: 504, rpc: -32016, retry: false },
  'tool.failed': { http: 500, rpc: -32603, retry: false },
  'plugin.unknown': { http: 404, rpc: -32014, retry: false },
  'plugin.denied': { http: 403, rpc: -32015, retry: false },
  'plugin.refused': { http: 403, rpc: -32015, retry: false },
  'plugin.broken': { http: 500, rpc: -32603, retry: false },
  'file.outside_workspace': { http: 403, rpc: -32015, retry: false },
  'file.not_found': { http: 404, rpc: -32014, retry: false },
  'file.not_regular': { http: 400, rpc: -32602, retry: false },
  'file.binary': { http: 400, rpc: -32602, retry: false },
  'file.too_big': { http: 413, rpc: -32602, retry: false },
  'file.changed': { http: 409, rpc: -32602, retry: false },
  'file.unreadable': { http: 500, rpc: -32603, retry: false },
  'file.unwritable': { http: 500, rpc: -32603, retry: false },
  'file.bad_path': { http: 400, rpc: -32602, retry: false },
  'edit.no_match': { http: 409, rpc: -32602, retry: false },
  'edit.many_matches': { http: 409, rpc: -32602, retry: false },
  'fetch.blocked': { http: 403, rpc: -32015, retry: false },
  'fetch.failed': { http: 502, rpc: -32603, retry: true },
  'fetch.unreadable': { http: 415, rpc: -32602, retry: false },
  'clipboard.unavailable': { http: 503, rpc: -32014, retry: false },
} as const satisfies Record<string, { http: number; rpc: number; retry: boolean }>

export type FailureCode = keyof typeof failures

/**
 * The one error that crosses a part's edge. `message` names the thing and the next action and is safe to show; `hint` is a second
 * sentence for people. Anything else that is thrown is `internal` outside and a stack in our log.
 */
export class Failure extends Error {
  readonly code: FailureCode
  readonly hint: string | undefined
  /** After how long it may be tried again, where that is known. */
  readonly retryAfterMs: number | undefined

  constructor(
    code: FailureCode,
    message: string,
    options: { hint?: string; cause?: unknown; retryAfterMs?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'Failure'
    this.code = code
    this.hint = options.hint
    this.retryAfterMs = options.retryAfterMs
  }

  get retryable(): boolean {
    return failures[this.code].retry
  }
}

/** What an edge shows for anything thrown: a Failure as it is, all else as `internal` with a neutral sentence. */
export function toFailure(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown
  return new Failure('internal', 'Something broke inside CodeGen; its log has the details.', { cause: thrown })
}

/** Whether a word from outside is one of our failure codes. */
export function isFailureCode(word: string): word is FailureCode {
  return Object.hasOwn(failures, word)
}
