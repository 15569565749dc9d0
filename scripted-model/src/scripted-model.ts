import { once } from 'node:events'
import { createServer } from 'node:http'
import { loadScenario, parseScenario } from './load-scenario.ts'
import { openRequestLog } from './request-log.ts'
import type { Scenario } from './scenario.ts'
import { SeenRequests } from './seen-requests.ts'
import type { SeenRequest } from './seen-requests.ts'
import { limits } from './limits.ts'
import { answerRequests } from './answer-requests.ts'

export { loadScenario, ScenarioError } from './load-scenario.ts'
export type { Scenario } from './scenario.ts'
export type { SeenRequest } from './seen-requests.ts'

/** Where to listen, what to play. Port 0, the default, takes any free one. */
export type ScriptedModelOptions = {
  readonly scenario: Scenario | string
  readonly port?: number
  readonly host?: string
  /** A file to which one JSON line for each request and one for each answer is appended. */
  readonly log?: string
}

/** A running scripted model. */
export type ScriptedModel = {
  /** For OPENAI_BASE_URL; ends in `/v1`. */
  readonly url: string
  /** The chat completions requests seen, oldest first; of very many only the newest. */
  readonly requests: readonly SeenRequest[]
  /** Waits for the n-th request, from 1. Rejects when the server stops first or the signal aborts. */
  request(number: number, signal?: AbortSignal): Promise<SeenRequest>
  /** Cuts every connection. Resolves when nothing of the server is left. */
  stop(): Promise<void>
}

/** Starts an OpenAI-compatible server that plays a scenario, given as a value or as a file. Fails with a ScenarioError when that is wrong. */
export async function startScriptedModel(options: ScriptedModelOptions): Promise<ScriptedModel> {
  const { scenario: given, port = 0, host = '127.0.0.1' } = options
  const scenario = typeof given === 'string' ? await loadScenario(given) : parseScenario(given, 'the scenario')
  const log = options.log === undefined ? undefined : await openRequestLog(options.log)
  const seen = new SeenRequests()
  const stopping = new AbortController()

  const answer = answerRequests({ scenario, seen, log, signal: stopping.signal })
  const server = createServer({ keepAliveTimeout: limits.idleConnectionMsMax }, answer)
  try {
    server.listen(port, host)
    await once(server, 'listening')
  } catch (error) {
    await log?.close()
    throw error
  }
  const address = server.address()
  const listeningOn = typeof address === 'object' && address ? address.port : port

  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${String(listeningOn)}/v1`,
    requests: seen.list,
    request(number, signal) {
      const request = seen.next(number, signal)
      // Who no longer waits must not be ended by what the wait came to.
      request.catch(() => undefined)
      return request
    },
    async stop() {
      if (stopping.signal.aborted) return
      const closed = once(server, 'close')
      server.close()
      stopping.abort()
      seen.stop()
      server.closeAllConnections()
      await closed
      await log?.close()
    },
  }
}
