import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import type { Test } from 'tap'
import { startTestMaestro } from '#link/test-maestro'
import type { TestExecutor } from '#link/test-maestro'
import { newPlace, startTestDaemon } from './test-daemon.ts'
import type { TestClient } from './test-daemon.ts'

type Stage = { readonly executor: TestExecutor; readonly client: TestClient; log(): string }

/** A daemon whose owner may have let others allow calls, with a run `g-1` in which every call is asked about. */
async function withRun(t: Test, config: object): Promise<Stage> {
  const place = newPlace(t)
  mkdirSync(place.home, { mode: 0o700 })
  writeFileSync(join(place.home, 'config.json'), JSON.stringify(config))
  const maestro = await startTestMaestro(t)
  const daemon = await startTestDaemon(t, maestro.url, place)
  const executor = await maestro.next()
  executor.welcome()
  const client = await daemon.client()
  const started = client.request('run/start', { prompt: 'do it', cwd: place.project, mode: 'ask', client_ref: 'c-1' })
  await executor.receive('start_run')
  executor.send({ type: 'run_started', payload: { client_ref: 'c-1', generation_id: 'g-1', session_id: 's-1' } })
  await started
  return { executor, client, log: daemon.log }
}

function callShell({ executor }: Stage, tool_id = 't-1'): void {
  const call = { tool_name: 'Shell', tool_id, generation_id: 'g-1', parameters: { command: 'echo hi' } }
  executor.send({ type: 'run_tool', payload: call })
}

function propose({ executor }: Stage, option_id: string, tool_id = 't-1'): void {
  executor.send({ type: 'approval_answer', payload: { tool_id, option_id, by: 'ann' } })
}

test('a call is allowed over the server only where the owner of the machine said so', async (t) => {
  const stage = await withRun(t, {})
  const { executor, client } = stage
  callShell(stage)
  await executor.receive('approval_requested')
  propose(stage, 'allow')
  t.match((await executor.receive('error')).payload, {
    code: 'tool.denied',
    ref: 'approval_answer:t-1',
    fatal: false,
    message: /remoteApprovals/,
  })
  t.strictSame((await executor.receive('stored')).payload, { ref: 'approval_answer:t-1' })
  t.match(stage.log(), /"by":"ann".*does not count/)
  t.equal((await client.request('approval/list', {})).approvals.length, 1, 'the question stays open')
  await client.request('approval/respond', { tool_id: 't-1', option_id: 'allow' })
  const { by } = (await executor.receive('approval_resolved')).payload
  t.notMatch(by, /server|ann/)
  t.match((await executor.receive('tool_result')).payload, { status: 'success' })

  propose(stage, 'allow')
  t.strictSame((await executor.receive('stored')).payload, { ref: 'approval_answer:t-1' }, 'too late is no refusal')
  t.equal(executor.frames.filter(({ type }) => type === 'error').length, 1)
})

test('a call is denied over the server whatever the owner set', async (t) => {
  const stage = await withRun(t, {})
  callShell(stage)
  await stage.executor.receive('approval_requested')
  propose(stage, 'deny')
  const resolved = (await stage.executor.receive('approval_resolved')).payload
  t.match(resolved, { tool_id: 't-1', outcome: 'denied', by: 'ann (over the server)' })
  t.match((await stage.executor.receive('tool_result')).payload, { status: 'denied' })
})

test('where the owner lets others allow calls they can, once each, and never for always', async (t) => {
  const stage = await withRun(t, { remoteApprovals: true })
  const { executor, client } = stage
  callShell(stage)
  const question = (await executor.receive('approval_requested')).payload
  t.ok(question.options.some(({ kind }) => kind === 'always'))
  for (const option of ['always', 'no-such']) {
    propose(stage, option)
    t.match((await executor.receive('error')).payload, { ref: 'approval_answer:t-1' })
    await executor.receive('stored')
  }
  t.equal((await client.request('approval/list', {})).approvals.length, 1)
  propose(stage, 'allow')
  t.match((await executor.receive('approval_resolved')).payload, { outcome: 'allowed', by: 'ann (over the server)' })
  t.match((await executor.receive('tool_result')).payload, { status: 'success' })

  callShell(stage, 't-2')
  t.match((await executor.receive('approval_requested')).payload, { tool_id: 't-2' }, 'the next call is asked about')
})

test('an answer that comes before its question is put waits for it', async (t) => {
  const stage = await withRun(t, { remoteApprovals: true })
  callShell(stage)
  propose(stage, 'allow')
  t.match((await stage.executor.receive('tool_result')).payload, { tool_id: 't-1', status: 'success' })
  t.match((await stage.executor.receive('approval_resolved')).payload, { by: 'ann (over the server)' })

  propose(stage, 'allow', 't-of-nobody')
  t.strictSame((await stage.executor.receive('stored')).payload, { ref: 'approval_answer:t-of-nobody' })
})
