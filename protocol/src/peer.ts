import { Failure } from '#failure'
import { limits } from '#limits'
import { createAnswering } from '#peer/answering'
import type { RpcMethod } from '#peer/answering'
import { createAsked } from '#peer/asked'
import type { RequestOptions, Timers } from '#peer/asked'
import { createLineSplitter } from '#peer/lines'
import { parseRpcMessage, toLine, toNotification } from '#peer/message'
import { toErrorResponse } from '#peer/rpc-error'

export type { RpcMethod } from '#peer/answering'
export type { RequestOptions, Timers } from '#peer/asked'
export { toNotification } from '#peer/message'

/** The requests that one end may make of the other, by method. */
export type RpcTypes = Record<string, { parameters: unknown; result: unknown }>

export type PeerOptions = {
  /** Takes whole lines, each with its end. */
  write(lines: string): void
  /** Called once, when this peer is closed for whatever reason: ends the transport after what was written. */
  close(failure: Failure): void
  timers: Timers
  methods?: Readonly<Record<string, RpcMethod>>
  notifications?: Readonly<Record<string, (parameters: unknown) => void>>
  /** A method threw what is no Failure (the other end is told `internal` and no more), or a notification threw. */
  onFault?(method: string, thrown: unknown): void
  lineBytesMax?: number
  /** Requests of the other end that may be open at once; more are answered client.busy. */
  openRequestsMax?: number
}

/** One end of a JSON-RPC 2.0 connection of newline-framed text. Both ends are alike. */
export type Peer<Remote extends RpcTypes = RpcTypes> = {
  /** Takes what the transport received, cut anywhere; its bytes may be used again after that. Never throws. */
  receive(chunk: Uint8Array): void
  /**
   * Asks the other end; what it answers is trusted to have the method's type. Fails with the Failure the other end sent, client.timeout,
   * client.cancelled (the other end is told in both cases), or what the peer was closed with.
   */
  request<Name extends keyof Remote & string>(
    method: Name,
    parameters: Remote[Name]['parameters'],
    options?: RequestOptions,
  ): Promise<Remote[Name]['result']>
  notify(method: string, parameters: unknown): void
  /** Sends a line made by `toNotification`: one text for many peers. */
  send(line: string): void
  /** Fails what this end asked, aborts what it was asked, and closes the transport. */
  close(failure: Failure): void
}

/** Makes one end of a connection over a transport that the caller opened. */
export function createPeer<Remote extends RpcTypes = RpcTypes>(options: PeerOptions): Peer<Remote> {
  let closedWith: Failure | undefined
  const asked = createAsked(write, options.timers)
  const { lineBytesMax = limits.lineBytesMax, openRequestsMax = limits.openRequestsMax } = options
  const { methods = {}, notifications = {}, onFault = () => undefined } = options
  const answering = createAnswering(write, { methods, onFault, openRequestsMax, lineBytesMax })
  const lines = createLineSplitter(lineBytesMax, receiveLine)

  function write(line: string): void {
    if (!closedWith) options.write(line)
  }

  function receive(chunk: Uint8Array): void {
    if (closedWith || lines.push(chunk)) return
    const failure = new Failure('request.unparsable', 'The line is longer than this connection takes.')
    write(toLine(toErrorResponse(null, failure)))
    close(failure)
  }

  function receiveLine(line: Uint8Array): void {
    if (closedWith || isBlank(line)) return
    const message = parseRpcMessage(line)
    if (message.kind === 'response') asked.settle(message)
    else if (message.kind === 'request') answering.answer(message)
    else if (message.kind === 'malformed') write(toLine(toErrorResponse(message.id, message.failure)))
    else if (message.method === '$/cancelRequest') answering.cancel(message.parameters)
    else notified(message.method, message.parameters)
  }

  function notified(method: string, parameters: unknown): void {
    try {
      if (Object.hasOwn(notifications, method)) notifications[method]?.(parameters)
    } catch (thrown) {
      onFault(method, thrown)
    }
  }

  function request<Name extends keyof Remote & string>(
    method: Name,
    parameters: Remote[Name]['parameters'],
    requestOptions: RequestOptions = {},
  ): Promise<Remote[Name]['result']> {
    return closedWith ? Promise.reject(closedWith) : asked.request(method, parameters, requestOptions)
  }

  function close(failure: Failure): void {
    if (closedWith) return
    closedWith = failure
    asked.fail(failure)
    answering.abort(failure)
    options.close(failure)
  }

  const notify = (method: string, parameters: unknown): void => write(toNotification(method, parameters))
  return { receive, request, close, send: write, notify }
}

function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09)
}
