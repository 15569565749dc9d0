import { randomUUID } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import type { Test } from 'tap'
import { readRun, watchRun } from '#support/events'
import { startMaestro } from '#support/maestro'
import type { MaestroProcess } from '#support/maestro'
import { findDatabase } from '#support/services'
import { createSystem } from '#support/system'

const conversations = [
  { name: 'say', when: 'say it', steps: [{ text: 'Said.' }] },
  {
    name: 'make',
    when: 'make it',
    steps: [{ calls: [{ tool: 'Shell', arguments: { command: 'echo made >it.txt' } }] }, { text: 'So be it.' }],
  },
]

/** A codegend whose owner listed its project for runs from elsewhere, and such a run that waits for an answer. */
async function startAsking(t: Test, config: object) {
  const token = randomUUID()
  const env = { CODEGEN_TOKEN: token, CODEGEN_MAESTRO_URL: '' }
  const system = await createSystem(t, { scenario: { conversations }, env })
  const databaseUrl = await findDatabase(t)
  const parking = { MAESTRO_PARK_AFTER_SECONDS: '1' }
  const maestro = await startMaestro(t, { modelUrl: system.model.url, token, databaseUrl, env: parking })
  env.CODEGEN_MAESTRO_URL = maestro.url
  const remoteRoots = [system.project]
  await writeFile(join(system.home, 'config.json'), JSON.stringify({ remoteRoots, ...config }))
  const first = await system.codegen(['say it'], { env })
  t.equal(first.code, 0, first.stderr)
  const [executor] = (await maestro.json('/v1/executors'))['executors'] as { executor_id: string }[]
  const start = { executor_id: executor?.executor_id, prompt: 'make it', cwd: system.project, mode: 'ask' }
  const id = String(JSON.parse(await (await maestro.post('/v1/runs', start)).text()).generation_id)
  const events = watchRun(maestro, id)
  /** The next event of this type. */
  const next = async (type: string): Promise<Record<string, unknown>> => {
    for (;;) {
      const { value, done } = await events.next()
      if (done) throw new Error(`the run ended without ${type}`)
      if (value.type === type) return value.payload
    }
  }
  const question = await next('approval_requested')
  const answer = (option_id: string): Promise<Response> =>
    maestro.post(`/v1/runs/${id}/approvals/${String(question['tool_id'])}`, { option_id })
  return { system, maestro, id, question, answer, next }
}

async function untilParked(maestro: MaestroProcess): Promise<void> {
  while (!/maestro_runs_open\{state="parked"\} 1/.test(await (await maestro.fetch('/metrics')).text()))
    await new Promise((resolve) => setTimeout(resolve, 20))
}

test('whoever starts a run over HTTP may deny its calls, and allow none unless the owner of the machine says so', async (t) => {
  const { system, maestro, id, question, answer, next } = await startAsking(t, {})
  t.match(question, { preview: { command: 'echo made >it.txt' } })
  t.equal((await answer('allow')).status, 202)
  const refused = await next('answer_refused')
  t.match(refused, { tool_id: question['tool_id'], reason: /remoteApprovals/, by: String })
  await untilParked(maestro)
  t.equal((await answer('allow')).status, 202)
  t.match(await next('answer_refused'), refused, 'whoever watches sees what follows a wait, out of memory or not')
  t.equal((await answer('deny')).status, 202)
  t.match(await next('approval_resolved'), { outcome: 'denied', by: /over the server/ })
  const { run, facts } = await readRun(maestro, id)
  t.equal(run['status'], 'completed')
  t.ok(facts.some(({ type, payload }) => type === 'tool_call_finished' && payload['status'] === 'denied'))
  await t.rejects(readFile(join(system.project, 'it.txt')), { code: 'ENOENT' })
})

test('with remoteApprovals a question that waits out of memory is allowed over HTTP', async (t) => {
  const { system, maestro, id, answer, next } = await startAsking(t, { remoteApprovals: true })
  await untilParked(maestro)
  t.equal((await answer('allow')).status, 202)
  t.match(await next('approval_resolved'), { outcome: 'allowed', by: /over the server/ })
  t.equal((await readRun(maestro, id)).run['status'], 'completed')
  t.equal(await readFile(join(system.project, 'it.txt'), 'utf8'), 'made\n')
})
