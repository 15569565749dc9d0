import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import type { Answer } from './render-answer.ts'
import type { Fault } from './scenario.ts'

/** How an answer is to be sent. */
export type Manner = {
  readonly id: string
  readonly model: string
  readonly latencyMs: number
  readonly delayMs: number
  readonly includeUsage: boolean
  readonly fault: Fault | undefined
  /** Aborts when the client has gone or the server stops. */
  readonly signal: AbortSignal
}

/** How an answer ended: sent whole, broken off as the scenario says, or left open until the client goes. */
export type Ending = 'sent' | 'broken' | 'stalled'

/** Sends an answer in one piece, as asked for by a request without `stream`. */
export async function sendWhole(response: ServerResponse, answer: Answer, manner: Manner): Promise<Ending> {
  const { fault, signal } = manner
  await pause(manner.latencyMs, signal)
  if (fault?.stall !== undefined) return 'stalled'
  if (fault) {
    response.destroy()
    return 'broken'
  }
  const choices = [{ index: 0, message: answer.message, logprobs: null, finish_reason: answer.finish }]
  const { id, model } = manner
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(
    JSON.stringify({ id, object: 'chat.completion', created: created(), model, choices, usage: answer.usage }),
  )
  return 'sent'
}

/** Streams an answer. What the scenario does not delay is written at once and in one piece. */
export async function streamAnswer(response: ServerResponse, answer: Answer, manner: Manner): Promise<Ending> {
  const { fault, delayMs, signal } = manner
  await pause(manner.latencyMs, signal)
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' })

  const head = toHead(manner)
  const frames = [`{"role":"assistant","content":""}`, ...answer.deltas.slice(0, deltasBefore(fault))].map(
    (delta) => `${head}"choices":[{"index":0,"delta":${delta},"logprobs":null,"finish_reason":null}]}\n\n`,
  )
  if (delayMs > 0) await writeAtPace(response, frames, manner)
  const now = delayMs > 0 ? '' : frames.join('')

  if (fault) return breakOff(response, now, fault)
  response.end(now + toTail(head, answer, manner.includeUsage))
  return 'sent'
}

function toHead({ id, model }: Manner): string {
  const common = JSON.stringify({ id, object: 'chat.completion.chunk', created: created(), model })
  return `data: ${common.slice(0, -1)},`
}

function toTail(head: string, { finish, usage }: Answer, includeUsage: boolean): string {
  const reason = JSON.stringify(finish)
  const last = `${head}"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":${reason}}]}\n\n`
  const used = includeUsage ? `${head}"choices":[],"usage":${JSON.stringify(usage)}}\n\n` : ''
  return `${last}${used}data: [DONE]\n\n`
}

function deltasBefore(fault: Fault | undefined): number | undefined {
  return fault?.cut ?? fault?.end ?? fault?.error ?? fault?.garbage ?? fault?.stall
}

/** Writes each frame when it is due, counted from the first: a slow timer delays some frames, never the whole. */
async function writeAtPace(
  response: ServerResponse,
  frames: readonly string[],
  { delayMs, signal }: Manner,
): Promise<void> {
  const start = performance.now()
  for (const [index, frame] of frames.entries()) {
    await pause(start + index * delayMs - performance.now(), signal)
    if (!response.write(frame)) await once(response, 'drain', { signal })
  }
}

/** Ends a stream in the way of the fault; `rest` goes out before. */
function breakOff(response: ServerResponse, rest: string, fault: Fault): Ending {
  if (fault.end !== undefined) response.end(rest)
  else if (fault.error !== undefined) response.end(`${rest}${toErrorEvent(fault)}`)
  else if (fault.garbage !== undefined) response.end(`${rest}data: {"choices":[{"index":0,"del\n\n`)
  else if (fault.stall !== undefined) {
    // The head must reach the client even when no delta does.
    response.flushHeaders()
    if (rest) response.write(rest)
    return 'stalled'
  } else response.write(rest, () => response.destroy())
  return 'broken'
}

function toErrorEvent({ message = 'The server had an error while it was answering.' }: Fault): string {
  return `data: ${JSON.stringify({ error: { message, type: 'server_error', param: null, code: null } })}\n\n`
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  // A timer of less than half a millisecond would wait longer than what it waits for.
  if (ms > 0.5) await wait(ms, undefined, { signal })
}

function created(): number {
  return Math.floor(Date.now() / 1000)
}
