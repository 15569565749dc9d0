import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import t from 'tap'
import { startScriptedModel } from '@codegen/scripted-model'
import { listUsersOf } from '#demo/processes'
import { answer, answerBootstrap, dial, install, keyOf, startRun } from '#support/installation'
import { startMaestro } from '#support/maestro'
import type { MaestroProcess } from '#support/maestro'
import { requireServices } from '#support/services'
import { createSystem } from '#support/system'

const grownBytesMax = 64_000_000

t.test(
  'R6 1 GB of output moves with flat memory at every stage, and the model gets head, tail and the true size',
  { timeout: 120_000 },
  async (t) => {
    const flood = 'echo the beginning; yes "a line of text" | head -c 1000000000; echo the end'
    const shell = (command: string) => ({ calls: [{ tool: 'Shell', arguments: { command } }] })
    const system = await createSystem(t, {
      scenario: {
        steps: [
          shell('echo warm'),
          shell(flood),
          {
            text: 'Done.',
            expect: [{ contains: 'the beginning' }, { contains: 'the end' }, { contains: '1,000,000,022' }],
          },
        ],
      },
    })
    const ended = system.codegen(['--auto', 'flood'])
    await system.model.request(2)
    const before = await memoryOf(await listUsersOf(system.home))
    const peaks = new Map(before)
    let isOver = false
    const watching = (async () => {
      while (!isOver) {
        for (const [pid, bytes] of await memoryOf([...before.keys()]))
          peaks.set(pid, Math.max(peaks.get(pid) ?? 0, bytes))
        await new Promise((resolve) => setTimeout(resolve, 25))
      }
    })()
    const { code, stdout, stderr } = await ended
    isOver = true
    await watching
    t.equal(code, 0, stderr)
    t.ok(stdout.length < 1_000_000, `the terminal was shown ${stdout.length} characters`)
    t.ok(before.size >= 2, 'codegend and Maestro were watched')
    for (const [pid, bytes] of before) {
      const grown = (peaks.get(pid) ?? 0) - bytes
      t.ok(grown < grownBytesMax, `process ${pid} grew by ${grown} bytes`)
    }
  },
)

const services = await requireServices(t)
if (services) {
  const model = await startScriptedModel({
    scenario: { steps: [{ calls: [{ tool: 'Shell', arguments: { command: 'make it' } }] }, { text: 'Done.' }] },
  })
  t.teardown(() => model.stop())
  const uses = { modelUrl: model.url, ...services, token: randomUUID() }
  const isShell = (payload: Record<string, unknown>): boolean => payload['tool_name'] === 'Shell'

  t.test('a viewer that does not read is dropped, and costs the others nothing', async (t) => {
    const maestro = await startMaestro(t, uses)
    const executor = await dial(t, maestro, install())
    const id = await startRun(executor, 'p')
    await answerBootstrap(executor)
    const call = await executor.receive('run_tool', isShell)
    const viewer = watchWithoutReading(maestro, id)
    await once(viewer, 'readable')
    const isDropped = once(viewer, 'close')
    const chunk = 'x'.repeat(60_000)
    for (let offset = 0; !viewer.destroyed && offset < 100_000_000; offset += chunk.length) {
      executor.send('tool_output_delta', { ...keyOf(call), stream: 'stdout', chunk, offset })
      // As codegend does: what is behind is not sent.
      while (executor.socket.bufferedAmount > 1_000_000) await new Promise((resolve) => setImmediate(resolve))
      if (offset % 3_000_000 === 0) await maestro.fetch('/healthz')
    }
    // A socket that is not read hears of its end when it is.
    viewer.resume()
    await isDropped
    answer(executor, call, 'made it')
    t.match(await executor.receive('run_finished'), { status: 'completed' })
  })

  t.test('an executor that does not read is dropped, and its run goes on with its next connection', async (t) => {
    const maestro = await startMaestro(t, uses)
    const installation = install()
    const executor = await dial(t, maestro, installation)
    const id = await startRun(executor, 'p')
    await answerBootstrap(executor)
    const call = await executor.receive('run_tool', isShell)
    const closed = executor.closed()
    executor.socket.pause()
    const chunk = 'x'.repeat(60_000)
    // What it sends comes back to it as events of its run.
    for (
      let offset = 0;
      executor.socket.readyState === executor.socket.OPEN && offset < 60_000_000;
      offset += chunk.length
    ) {
      executor.send('tool_output_delta', { ...keyOf(call), stream: 'stdout', chunk, offset })
      if (offset % 3_000_000 === 0) await maestro.fetch('/healthz')
    }
    executor.socket.resume()
    await closed
    const again = await dial(t, maestro, installation, { open: [call['tool_id']] })
    answer(again, call, 'made it')
    t.match(await again.receive('run_finished'), { generation_id: id, status: 'completed' })
  })
}

/** Resident bytes of processes that are there. */
async function memoryOf(pids: readonly number[]): Promise<Map<number, number>> {
  const memory = new Map<number, number>()
  for (const pid of pids) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
    const kilobytes = /^VmRSS:\s+(?<kilobytes>\d+)/m.exec(status)?.groups?.['kilobytes']
    if (kilobytes !== undefined) memory.set(pid, Number(kilobytes) * 1_024)
  }
  return memory
}

function watchWithoutReading(maestro: MaestroProcess, id: string) {
  const { hostname, port } = new URL(maestro.url)
  const viewer = connect({ host: hostname, port: Number(port) })
  viewer.on('error', () => undefined)
  viewer.write(
    `GET /v1/runs/${id}/events HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${maestro.token}\r\n\r\n`,
  )
  return viewer
}
