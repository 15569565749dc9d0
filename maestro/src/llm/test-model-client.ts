import { test } from 'tap'
import type { Test } from 'tap'
import type { DialectName } from '#runs/dialect'
import type { ModelAnswer, ModelFault } from '#runs/ports'
import { limits } from '#limits'
import type { ModelBounds } from './answer.ts'
import { createModelClient } from './model-client.ts'
import type { OpenModelClient } from './model-client.ts'
import type { ModelConfig } from './model-server.ts'
import { finish, sendEvents, startModelServer } from './test-model-server.ts'
import type { Reply } from './test-model-server.ts'

const quick: ModelBounds = {
  ...limits.model,
  retryMsMin: 4,
  retryMsMax: 20,
  firstByteMsMax: 150,
  silenceMsMax: 150,
  finishMsMax: 100,
  refusalMsMax: 1_000,
}
export const body = JSON.stringify({ model: 'm-1', stream: true, messages: [{ role: 'user', content: 'hello' }] })
export const hello = sendEvents([
  { role: 'assistant', content: '' },
  { content: 'Hel' },
  { content: 'lo' },
  finish('stop'),
])
export const never: AbortSignal = new AbortController().signal

export type Told = { kind: 'text' | 'reasoning' | 'restart'; words: string }

/** The same promise of both APIs. */
export function testEach(title: string, hold: (t: Test, dialect: DialectName) => Promise<void>): void {
  for (const dialect of ['chat', 'responses'] as const) test(`${title} (${dialect})`, (t) => hold(t, dialect))
}

/** A client that hurries, closed with its test. */
export function open(t: Test, config: ModelConfig, bounds: Partial<ModelBounds> = {}): OpenModelClient {
  const client = createModelClient(config, { ...quick, ...bounds })
  t.teardown(() => client.close())
  return client
}

/** Asks once and hears all that is shown. */
export async function ask(
  client: OpenModelClient,
  text = body,
  of: { signal?: AbortSignal; dialect?: DialectName } = {},
): Promise<{ outcome: ModelAnswer | ModelFault; told: Told[] }> {
  const told: Told[] = []
  const hear = (kind: Told['kind']) => (words: string) => void told.push({ kind, words })
  const { signal = never, dialect = 'chat' } = of
  const outcome = await client.ask(
    { dialect, body: text, onText: hear('text'), onReasoning: hear('reasoning'), onRestart: hear('restart') },
    signal,
  )
  return { outcome, told }
}

/** Asks a server of its own that gives these replies. */
export async function askOf(
  t: Test,
  replies: Reply[],
  more: { models?: unknown; bounds?: Partial<ModelBounds>; dialect?: DialectName; config?: ModelConfig } = {},
) {
  const server = await startModelServer(t, { replies, models: more.models })
  const client = open(t, { baseUrl: server.url, apiKey: 'sk-secret-key', ...more.config }, more.bounds)
  return { ...(await ask(client, body, more.dialect ? { dialect: more.dialect } : {})), server, client }
}

export function answerOf(t: Test, outcome: ModelAnswer | ModelFault): ModelAnswer {
  if (outcome.kind === 'answer') return outcome
  t.fail(outcome.failure.message)
  throw outcome.failure
}

export function failureOf(t: Test, outcome: ModelAnswer | ModelFault) {
  if (outcome.kind === 'fault') return outcome.failure
  t.fail('answered, but should have failed')
  throw new Error(JSON.stringify(outcome))
}

export function texts(told: Told[], kind: Told['kind'] = 'text'): string {
  return told
    .filter((one) => one.kind === kind)
    .map((one) => one.words)
    .join('')
}
