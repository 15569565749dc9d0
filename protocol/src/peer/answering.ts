import { JSONRPCServer } from 'json-rpc-2.0'
import type { JSONRPCResponse } from 'json-rpc-2.0'
import { Failure, toFailure } from '#failure'
import { toLine } from './message.ts'
import type { RpcId } from './message.ts'
import { toErrorResponse } from './rpc-error.ts'

/** Answers one request. `signal` is aborted, with a Failure, when the other end cancels it or is gone. What it throws is its answer. */
export type RpcMethod = (parameters: unknown, call: { signal: AbortSignal }) => unknown

export type AnsweringOptions = {
  methods: Readonly<Record<string, RpcMethod>>
  onFault(method: string, thrown: unknown): void
  openRequestsMax: number
  lineBytesMax: number
}

/** What this end was asked and has not answered. */
export function createAnswering(write: (line: string) => void, options: AnsweringOptions) {
  const server = new JSONRPCServer<{ signal: AbortSignal }>({ errorListener: () => undefined })
  const open = new Map<RpcId, AbortController>()
  const { openRequestsMax, onFault } = options

  server.mapErrorToJSONRPCErrorResponse = (id, thrown: unknown) => toErrorResponse(id, toFailure(thrown))
  for (const [name, method] of Object.entries(options.methods)) {
    server.addMethod(name, (parameters: unknown, call) => callMethod({ name, method, parameters, ...call }, onFault))
  }

  function answer(request: { id: RpcId; method: string; parameters: unknown }): void {
    const refusal = refuse(request)
    if (refusal) {
      write(toLine(refusal))
      return
    }
    const { id, method, parameters } = request
    const controller = new AbortController()
    open.set(id, controller)
    void server
      .receive({ jsonrpc: '2.0', id, method, params: parameters }, { signal: controller.signal })
      .then((response) => {
        open.delete(id)
        write(toBoundedLine({ id, method, response }, options))
      })
  }

  function refuse({ id, method }: { id: RpcId; method: string }): JSONRPCResponse | undefined {
    if (open.has(id)) {
      // With the id itself the other end would take this for the answer to its first request.
      return toErrorResponse(null, new Failure('request.malformed', `The id ${JSON.stringify(id)} is in use.`))
    }
    if (open.size >= openRequestsMax) {
      return toErrorResponse(id, new Failure('client.busy', `More than ${openRequestsMax} requests are open.`))
    }
    if (!server.hasMethod(method)) {
      return toErrorResponse(id, new Failure('method.unknown', `There is no method "${method.slice(0, 100)}".`))
    }
    return undefined
  }

  function cancel(parameters: unknown): void {
    if (typeof parameters !== 'object' || parameters === null || !('id' in parameters)) return
    const { id } = parameters
    if (typeof id !== 'string' && typeof id !== 'number') return
    open.get(id)?.abort(new Failure('client.cancelled', 'The request was cancelled.'))
  }

  function abort(failure: Failure): void {
    for (const controller of open.values()) controller.abort(failure)
  }

  return { answer, cancel, abort }
}

type MethodCall = { name: string; method: RpcMethod; parameters: unknown; signal: AbortSignal }

/** What a method answers or throws; what is no Failure is told as a fault. */
async function callMethod(call: MethodCall, onFault: AnsweringOptions['onFault']): Promise<unknown> {
  const { name, method, parameters, signal } = call
  try {
    return await untilAborted(method(parameters, { signal }), signal)
  } catch (thrown) {
    if (!(thrown instanceof Failure)) onFault(name, thrown)
    throw thrown
  }
}

/** The line of an answer, or of the reason why it cannot be sent. */
function toBoundedLine(
  { id, method, response }: { id: RpcId; method: string; response: JSONRPCResponse | null },
  { lineBytesMax, onFault }: AnsweringOptions,
): string {
  try {
    const line = toLine(response)
    if (line.length <= lineBytesMax) return line
  } catch (thrown) {
    onFault(method, thrown)
  }
  return toLine(toErrorResponse(id, new Failure('message.too_big', `The answer to ${method} is too long to be sent.`)))
}

/** The outcome of a method, or the reason of the signal if that comes first: a cancelled request is answered at once. */
function untilAborted(outcome: unknown, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    Promise.resolve(outcome)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', onAbort))
  })
}
