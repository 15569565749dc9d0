import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { startScriptedModel } from '@codegen/scripted-model'
import { startCollector } from '#support/collector'
import type { CollectedSpan } from '#support/collector'
import { connectExecutor } from '#support/executor'
import type { Frame } from '#support/executor'
import { startMaestro } from '#support/maestro'
import { requireServices } from '#support/services'
import { createSystem } from '#support/system'

const shell = (command: string) => ({ tool: 'Shell', arguments: { command } })
const caller = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }
const often = { OTEL_BSP_SCHEDULE_DELAY: '20' }

test('a prompt is one trace from its caller to the tools: codegend, Maestro, its turns, their calls, the question', async (t) => {
  const collector = await startCollector(t)
  const system = await createSystem(t, {
    scenario: {
      steps: [
        { text: 'canary-answer ', calls: [{ tool: 'ReadFile', arguments: { file_path: 'canary.txt' } }] },
        { calls: [shell('echo canary-command')] },
        { text: 'I was not allowed.' },
      ],
    },
    files: { 'canary.txt': 'canary-content\n' },
    env: {
      ...often,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      TRACEPARENT: `00-${caller.traceId}-${caller.spanId}-01`,
    },
  })
  // Nobody is there to answer the question about the command.
  t.equal((await system.codegen(['canary-prompt'])).code, 5)
  await collector.until((spans) => ['prompt', 'run_tool Shell'].every((name) => named(spans, name).length > 0))
  await collector.until(
    (spans) => named(spans, 'run_tool ReadFile').length === 2 && named(spans, 'start_run').length > 0,
  )

  const { spans } = collector
  t.ok(
    spans.every((span) => span.traceId === caller.traceId),
    'one trace',
  )
  const byId = new Map(spans.map((span) => [span.spanId, span]))
  t.equal(byId.size, spans.length, 'no id twice')
  const tree = new Set(spans.map((span) => pathOf(span, byId)))
  for (const path of [
    'caller > start_run',
    'caller > start_run > prompt',
    'caller > start_run > prompt > bootstrap > execute_tool GetWorkingDirectory > run_tool GetWorkingDirectory',
    'caller > start_run > prompt > turn > chat scripted',
    'caller > start_run > prompt > turn > execute_tool ReadFile > run_tool ReadFile',
    'caller > start_run > prompt > turn > execute_tool Shell > run_tool Shell > question',
  ])
    t.ok(tree.has(path), path)
  t.notOk(
    [...tree].some((path) => path.startsWith('?')),
    'every span has its parent',
  )

  t.equal(named(spans, 'turn').length, 3)
  const [prompt] = named(spans, 'prompt')
  t.match(prompt, { service: 'maestro', attributes: { 'codegen.outcome': 'completed', 'codegen.claimed': false } })
  t.match(named(spans, 'run_tool Shell')[0], { service: 'codegend' })
  const denied = named(spans, 'execute_tool Shell').find((span) => span.attributes['error.type'] === 'denied')
  t.ok(denied, 'what was denied says so')
  t.match(named(spans, 'question')[0]?.attributes, { 'codegen.outcome': 'denied' })
  for (const span of spans) {
    t.ok(span.endNs >= span.startNs, `${span.name} does not end before it starts`)
    if (span.service === 'maestro' && prompt)
      t.ok(span.startNs >= prompt.startNs - ms(5), `${span.name} is within the prompt`)
  }
  t.match(collector.raw(), 'deployment.environment.name')
  t.notMatch(collector.raw(), /canary/, 'no prompt, answer, path, content or command')
})

test('with a collector that is gone a run is as it always is, and the log says it once', async (t) => {
  const system = await createSystem(t, {
    scenario: { steps: [{ calls: [shell('echo out')] }, { expect: [{ contains: 'out' }], text: 'All done.' }] },
    env: { ...often, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_EXPORTER_OTLP_TIMEOUT: '50' },
  })
  for (const prompt of ['one', 'two']) {
    const { code, stdout } = await system.codegen(['--auto', prompt])
    t.equal(code, 0)
    t.match(stdout, 'All done.')
  }
  const lines = (): Promise<string[]> =>
    readFile(join(system.home, 'log', 'codegend.log'), 'utf8').then((log) => log.split('\n'))
  const complaints = async (): Promise<string[]> =>
    (await lines()).filter((line) => line.includes('Traces cannot be sent to http://127.0.0.1:9'))
  while ((await complaints()).length < 2) await new Promise((resolve) => setTimeout(resolve, 20))
  t.equal((await complaints()).length, 2, 'codegend’s own and its Maestro’s')
})

test('an address that is none is refused in one sentence', async (t) => {
  const system = await createSystem(t, {
    scenario: { steps: [{ text: 'x' }] },
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' },
  })
  const { code, stderr } = await system.codegen(['go'])
  t.equal(code, 4)
  t.match(stderr, 'OTEL_EXPORTER_OTLP_ENDPOINT must be a URL such as http://127.0.0.1:4318, not "collector:4318".')
})

test('a run that fails over stays in its trace: one prompt, the same span for a call that was open', async (t) => {
  const services = await requireServices(t)
  if (!services) return
  const collector = await startCollector(t)
  const model = await startScriptedModel({ scenario: { steps: [{ calls: [shell('make it')] }, { text: 'Done.' }] } })
  t.teardown(() => model.stop())
  const env = { ...often, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }
  const uses = { modelUrl: model.url, ...services, token: randomUUID(), env }
  const [near, far] = await Promise.all([startMaestro(t, uses), startMaestro(t, uses)])

  const first = await connectExecutor(t, near)
  first.send('handshake', toHandshake())
  await first.receive('welcome')
  first.send('start_run', { client_ref: 'one', prompt: 'go', cwd: '/work', mode: 'auto' })
  for (let calls = 0; calls < 4; calls += 1) answer(first, await first.receive('run_tool'))
  const open = await first.receive('run_tool')
  // The bootstrap's spans are out before the replica dies.
  await collector.until((spans) => named(spans, 'bootstrap').length === 1)
  await near.kill()

  const second = await connectExecutor(t, far)
  second.send('handshake', toHandshake(1))
  await second.receive('welcome')
  const again = await second.receive('run_tool')
  t.equal(again['tool_id'], open['tool_id'])
  t.equal(again['traceparent'], open['traceparent'], 'the call goes on in the span it was sent with')
  answer(second, again)
  await second.receive('run_finished')
  await collector.until((spans) => named(spans, 'prompt').length > 0 && named(spans, 'execute_tool Shell').length > 1)

  const [, traceId, callId] = String(open['traceparent']).split('-')
  t.ok(collector.spans.every((span) => span.traceId === traceId))
  const prompts = named(collector.spans, 'prompt')
  t.equal(prompts.length, 1)
  t.match(prompts[0]?.attributes, { 'codegen.claimed': true, 'codegen.outcome': 'completed' })
  const [bootstrap] = named(collector.spans, 'bootstrap')
  t.equal(bootstrap?.parentId, prompts[0]?.spanId, 'what the first owner told of hangs below the last one’s prompt')
  t.ok((prompts[0]?.startNs ?? 0n) <= (bootstrap?.startNs ?? 0n) + ms(250), 'which began when the run did')
  t.equal(collector.spans.filter((span) => span.spanId === callId).length, 1)
})

function named(spans: readonly CollectedSpan[], name: string): CollectedSpan[] {
  return spans.filter((span) => span.name === name)
}

function pathOf(span: CollectedSpan, byId: Map<string, CollectedSpan>): string {
  if (span.parentId === caller.spanId) return `caller > ${span.name}`
  const parent = byId.get(span.parentId)
  return parent ? `${pathOf(parent, byId)} > ${span.name}` : `? > ${span.name}`
}

/** Two clocks of one machine, read one after the other. */
function ms(count: number): bigint {
  return BigInt(count) * 1_000_000n
}

function answer(executor: { send(type: string, payload: object): void }, call: Frame['payload']): void {
  const { tool_id, generation_id } = call
  executor.send('tool_result', { tool_id, generation_id, status: 'success', result: 'x' })
}

function toHandshake(epoch?: number): object {
  return {
    client_type: 'test',
    initial_prompt: '',
    known_tools: ['Shell', 'ReadFile', 'ReadFolder', 'GetWorkingDirectory'],
    custom_tools: [],
    project_spec: { content: '', file_paths: [] },
    protocol: { version: 1, features: [] },
    executor: {
      id: 'executor-of-traces',
      journal_id: 'journal',
      ...(epoch === undefined ? {} : { epoch }),
      name: 'test',
      version: '0',
      os: 'linux',
      arch: 'x64',
    },
    open: [],
    limits: { max_message_bytes: 8 * 1024 * 1024, max_parallel_tools: 8 },
  }
}
