import { setTimeout as delay } from 'node:timers/promises'
import { Failure } from '@codegen/protocol/failure'
import { test } from 'tap'
import type { ToolHooks } from '#plugins/tool-hooks'
import { createTestCalls } from './test-calls.ts'

const shell = { tool_name: 'Shell', parameters: { command: 'make' } }

const forever = <Value>(): Promise<Value> => new Promise(() => undefined)

/** Rejects as the real ones do, once it is cancelled. */
const untilCancelled = (cancelled: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => cancelled.addEventListener('abort', () => reject(cancelled.reason)))

test('a call that is cancelled while it is judged never starts', async (t) => {
  const judging = Promise.withResolvers<void>()
  let ran = false
  const hooks: ToolHooks = {
    before: () => (_call, cancelled) => {
      judging.resolve()
      return untilCancelled(cancelled)
    },
    after: () => undefined,
  }
  const { calls, call, journal } = createTestCalls(t, {
    hooks,
    tools: { Shell: { run: () => ((ran = true), 'ran') } },
  })
  const ended = call({ ...shell, tool_id: 't-1' })
  await judging.promise
  t.equal(journal.calls.get('t-1')?.state.kind, 'received')
  calls.cancel({ tool_id: 't-1', generation_id: 'g-1', reason: 'user', grace_ms: 0 })
  t.match(await ended, { status: 'cancelled' })
  t.equal(ran, false)
})

test('a result whose plugins have not answered is told at once when its call is cancelled, and stays what it is', async (t) => {
  const telling = Promise.withResolvers<AbortSignal>()
  const hooks: ToolHooks = {
    before: () => undefined,
    after: () => async (_call, _result, enough) => {
      telling.resolve(enough)
      return untilCancelled(enough).catch(() => [])
    },
  }
  const { calls, call } = createTestCalls(t, { hooks, tools: { Shell: { run: () => 'ran' } } })
  const ended = call({ ...shell, tool_id: 't-1' })
  t.equal((await telling.promise).aborted, false)
  calls.cancel({ tool_id: 't-1', generation_id: 'g-1', reason: 'user', grace_ms: 0 })
  t.match(await ended, { status: 'success', result: 'ran' })
})

test('a call that was ended from outside waits for no note', async (t) => {
  const enoughs: boolean[] = []
  const hooks: ToolHooks = {
    before: () => undefined,
    after: () => async (_call, _result, enough) => {
      enoughs.push(enough.aborted)
      return []
    },
  }
  const tools = { Shell: { run: () => forever<string>() }, ReadFile: { run: () => 'read' } }
  const { call } = createTestCalls(t, { hooks, tools })
  t.match(await call({ ...shell, timeout_ms: 20 }), { status: 'timeout' })
  t.match(await call({ tool_name: 'ReadFile', parameters: { file_path: 'a' } }), { status: 'success' })
  t.strictSame(enoughs, [true, false])
})

test('a call that is asked for again is judged and told of once, and its record has the notes', async (t) => {
  const seen: string[] = []
  const hooks: ToolHooks = {
    before:
      () =>
      async ({ toolId }) => {
        seen.push(`before ${toolId}`)
        return { kind: 'passed', notes: [{ plugin: 'one', text: 'mind the gap' }] }
      },
    after:
      () =>
      async ({ toolId }, { status, text }) => {
        seen.push(`after ${toolId} ${status} ${text}`)
        return []
      },
  }
  const { call } = createTestCalls(t, { hooks, tools: { Shell: { run: () => 'ran' } } })
  for (let count = 0; count < 2; count++) {
    const { result } = await call({ ...shell, tool_id: 't-1' })
    t.equal(result, 'ran\n\n[plugin one] mind the gap')
  }
  t.strictSame(seen, ['before t-1', 'after t-1 success ran'])
})

test('what the owner or a plugin has refused has not begun, so no afterTool is told of it', async (t) => {
  let told = 0
  const refusal = new Failure('plugin.denied', 'No.')
  const hooks: ToolHooks = {
    before: (tool) => (tool === 'Shell' ? async () => ({ kind: 'refused', failure: refusal }) : undefined),
    after: () => async () => ((told += 1), []),
  }
  const side = createTestCalls(t, { hooks, mode: 'ask' })
  t.match(await side.call({ ...shell }), {
    status: 'denied',
    error: { code: 'plugin.denied', message: 'No.' },
  })
  t.strictSame(side.asked, [])
  const parameters = { file_path: 'a', content: '' }
  const ended = side.call({ tool_name: 'WriteFile', parameters, tool_id: 't-2' })
  while (side.asked.length === 0) await delay(1)
  side.approvals.respond('t-2', 'deny', 'test')
  t.match(await ended, { status: 'denied', error: { code: 'tool.denied' } })
  t.equal(told, 0)
})
