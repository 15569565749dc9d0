import { setTimeout as wait } from 'node:timers/promises'
import { Failure, toFailure } from '@codegen/protocol/failure'
import type { ModelAnswer, ModelClient, ModelFault, ModelRequest } from '#runs/ports'
import { limits } from '#limits'
import { createAnswer } from './answer.ts'
import type { ModelBounds } from './answer.ts'
import { createChatReader } from './chat-reader.ts'
import { createContextTokens } from './context-tokens.ts'
import { describeModel, explainNotFound, findDefaultModel } from './default-model.ts'
import { toRecord } from './delta.ts'
import type { AnswerReader } from './delta.ts'
import { Breakdown } from './breakdown.ts'
import { createModelServer } from './model-server.ts'
import type { ModelConfig, ModelServer, OnChunk } from './model-server.ts'
import { costMicrosOf } from './cost.ts'
import { familyOf } from './model-family.ts'
import { createResponseReader } from './response-reader.ts'
import { toRequestStyle } from './request-style.ts'
import { nextAttempt } from './retry.ts'
import { toTrouble } from './trouble.ts'
import type { Trouble } from './trouble.ts'

/** The model client of one Maestro; `warm` before the first request saves its connection and the loading of the library. */
export type OpenModelClient = ModelClient & {
  /**
   * What is configured, in a few words: the model, where it is, and whether that server offers it. Fails with a Failure that says what to set. Asks the
   * server for its list and for nothing that costs.
   */
  describe(signal: AbortSignal): Promise<string>
  /** Loads and connects ahead of a request; cheap when that is done already. Never fails. */
  warm(): Promise<void>
  /** Ends what is under way as cancelled and closes the connections. */
  close(): Promise<void>
}

/** Opens nothing yet; a wrong configuration shows as the Failure of each method. */
export function createModelClient(config: ModelConfig, bounds: ModelBounds = limits.model): OpenModelClient {
  const server = createModelServer(config, bounds)
  const isLocal = !(server instanceof Failure) && server.isLocal
  const contextTokens = createContextTokens({ configured: config.contextTokens, isLocal })
  const closing = new AbortController()
  const state: AskState = { isProven: false }

  return {
    async defaultModel(signal) {
      const named = config.model?.trim()
      if (server instanceof Failure) throw server
      return named || (await findDefaultModel(server, signal))
    },
    async describe(signal) {
      if (server instanceof Failure) throw server
      return await describeModel(server, config.model?.trim() || undefined, signal)
    },
    requestStyle: (run) =>
      toRequestStyle(config, { ...run, isOpenAi: !(server instanceof Failure) && server.isOpenAi }),
    contextTokensOf: (model) => contextTokens.of(model),
    costMicrosOf: (model, usage) => costMicrosOf(config.prices ?? [], model, usage),
    async ask(request, signal) {
      if (server instanceof Failure) return toFault(server)
      return await askUntilAnswered({ server, request, state }, AbortSignal.any([signal, closing.signal])).catch(
        (thrown: unknown) => toFault(toFailure(thrown)),
      )
    },
    async warm() {
      if (!(server instanceof Failure)) await server.warm().catch(() => {})
    },
    async close() {
      closing.abort()
      if (!(server instanceof Failure)) server.close()
    },
  }
}

/** `isProven`: this server has answered before. */
type AskState = { isProven: boolean }
type Asking = { readonly server: ModelServer; readonly request: ModelRequest; readonly state: AskState }

async function askUntilAnswered(asking: Asking, signal: AbortSignal): Promise<ModelAnswer | ModelFault> {
  const { server, request, state } = asking
  let waitedMs = 0
  for (let made = 1; !signal.aborted; made++) {
    const outcome = await askOnce(asking, signal)
    if (signal.aborted) break
    if (outcome.kind === 'answer') return outcome
    const { trouble } = outcome
    if (trouble.kind === 'final') return toFault(trouble.failure)
    if (trouble.kind === 'not-found') {
      const model = modelOf(request.body)
      return toFault(await explainNotFound(server, { dialect: request.dialect, model, said: trouble.said, signal }))
    }
    const next = nextAttempt(
      trouble,
      { made, waitedMs, isProven: state.isProven },
      { bounds: server.bounds, random: Math.random() },
    )
    if (next.kind === 'give-up') return toFault(next.failure)
    if (outcome.isShown) request.onRestart(trouble.reason)
    waitedMs += next.ms
    await wait(next.ms, undefined, { signal }).catch(() => {})
  }
  return toFault(new Failure('client.cancelled', 'The request to the model was cancelled.'))
}

type Interruption = { readonly kind: 'interruption'; readonly trouble: Trouble; readonly isShown: boolean }

async function askOnce({ server, request, state }: Asking, signal: AbortSignal): Promise<ModelAnswer | Interruption> {
  const answer = createAnswer(request, server.bounds)
  const reader = createReader(request)
  const attempt = new AbortController()
  const abort = (): void => attempt.abort()
  signal.addEventListener('abort', abort)
  let isWhole = false
  let finish: NodeJS.Timeout | undefined
  const onChunk: OnChunk = (chunk) => {
    const delta = reader.read(chunk)
    if (delta.error !== undefined) throw new Breakdown({ kind: 'told', error: delta.error })
    state.isProven = true
    answer.add(delta)
    if (answer.isFinished()) finish ??= setTimeout(abort, server.bounds.finishMsMax)
    if (delta.isOver) return 'done'
    return answer.isFull() ? 'enough' : 'more'
  }
  const toWhole = (): ModelAnswer => {
    answer.add(reader.end())
    return answer.toAnswer()
  }
  try {
    await server.ask(request, onChunk, attempt.signal)
    isWhole = !answer.isFull()
    return toWhole()
  } catch (thrown) {
    // After its last word an answer is whole, however its stream ended.
    if (answer.isFinished()) return toWhole()
    return { kind: 'interruption', trouble: toTrouble(thrown, server), isShown: answer.isShown() }
  } finally {
    clearTimeout(finish)
    signal.removeEventListener('abort', abort)
    // What is left of the stream is not wanted; a whole one leaves its connection to the next request.
    if (!isWhole) abort()
  }
}

function createReader({ dialect, body }: ModelRequest): AnswerReader {
  if (dialect === 'responses') return createResponseReader()
  return createChatReader({ returnsReasoning: familyOf(modelOf(body))?.returnsReasoning === true })
}

/** The model stands first in every request of ours. */
function modelOf(body: string): string {
  const written = /^\{"model":("(?:[^"\\]|\\.)*")/.exec(body)?.[1]
  return written === undefined ? String(toRecord(JSON.parse(body))['model']) : String(JSON.parse(written))
}

function toFault(failure: Failure): ModelFault {
  return { kind: 'fault', failure }
}
