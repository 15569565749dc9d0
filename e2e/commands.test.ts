import { existsSync } from 'node:fs'
import { join } from 'node:path'
import tap, { before, test } from 'tap'
import { createSystem } from '#support/system'
import type { System } from '#support/system'

const conversations = [
  { name: 'greet', when: 'greet', steps: [{ text: 'Hello.' }] },
  {
    name: 'long',
    when: 'take long',
    steps: [
      { calls: [{ tool: 'Shell', arguments: { command: 'echo begun; sleep 600' } }] },
      { text: 'It was cut off.' },
    ],
  },
]

let system: System

before(async () => {
  system = await createSystem(tap, { scenario: { conversations } })
})

const toObject = (line: string) => JSON.parse(line)
const pidIn = (text: string): number => Number(/pid (\d+)/.exec(text)?.[1])

test('codegend is started, stopped and started again by name, and what is asked for twice is no mistake', async (t) => {
  const stop = (): ReturnType<System['codegen']> => system.codegen(['daemon', 'stop'])
  t.match(await stop(), { code: 0, stdout: 'codegend is not running\n', stderr: '' })
  const first = await system.codegen(['daemon', 'start'])
  t.match(first, { code: 0, stdout: /^started codegend \(pid \d+\)\n$/ })
  t.match(await system.codegen(['daemon', 'start']), {
    code: 0,
    stdout: `codegend is running already (pid ${pidIn(first.stdout)})\n`,
  })
  t.match(await stop(), { code: 0, stdout: `stopped codegend (pid ${pidIn(first.stdout)})\n` })
  t.equal(existsSync(join(system.home, 'run', 'codegend.sock')), false)
  t.match(await system.codegen(['daemon', 'restart']), { code: 0, stdout: /^started codegend .*; none was running\n$/ })
})

test('a restart interrupts an open call, says so, and the run goes on', async (t) => {
  const run = system.startCodegen(['--auto', 'take long'])
  run.stdout?.resume()
  const ended = new Promise<number | null>((resolve) => run.on('close', resolve))
  for (;;) {
    const { stdout } = await system.codegen(['status', '--json'])
    if (JSON.parse(stdout || '{}').calls_open > 0) break
  }
  t.match(await system.codegen(['daemon', 'restart']), {
    code: 0,
    stdout: /^restarted codegend \(pid \d+, now \d+\); one open call was interrupted\n$/,
  })
  t.equal(await ended, 0)
  const [{ generation_id: id }] = (await system.codegen(['runs', '--json'])).stdout
    .split('\n')
    .slice(0, 1)
    .map(toObject)
  t.match((await system.codegen(['log', id])).stdout, /sleep 600 {2}interrupted[^]*It was cut off\./)
})
