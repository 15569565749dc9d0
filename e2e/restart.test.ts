import { readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import tap, { before, test } from 'tap'
import { createSystem } from '#support/system'
import type { System } from '#support/system'
import { watchStarted } from '#support/terminal'

const shell = (command: string) => ({ tool: 'Shell', arguments: { command } })
const waitFor = (name: string): string =>
  `echo ran >> ${name}.count; echo beg""un; while ! test -e ${name}; do sleep 0.05; done; echo over`

const conversations = [
  {
    name: 'restarted',
    when: 'be restarted',
    steps: [
      { text: 'Before. ', calls: [shell(waitFor('go'))] },
      { text: 'Between. ', calls: [shell('cat go.count')] },
      { text: 'After.' },
    ],
  },
  { name: 'greet', when: 'greet', steps: [{ text: 'Hello.' }] },
]

tap.setTimeout(240_000)
let system: System

before(async () => {
  system = await createSystem(tap, { scenario: { conversations } })
  await system.codegen(['daemon', 'start'])
})

const pidsIn = (text: string): string[] =>
  text
    .match(/pid \d+, now \d+/g)
    ?.join()
    .match(/\d+/g) ?? []

function isRunning(pid: string | undefined): boolean {
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}

test('a planned restart loses no work, nor do two in a row (R3, DM-04)', async (t) => {
  const run = watchStarted(t, system.startCodegen(['--json', '--auto', 'be restarted']))
  await run.saw(/begun/)
  const first = await system.codegen(['daemon', 'restart'])
  t.match(first, {
    code: 0,
    stdout: /^restarted codegend \(pid \d+, now \d+\); one call goes on in the old one\n$/,
    stderr: '',
  })
  const second = await system.codegen(['daemon', 'restart'])
  t.match(second, { code: 0, stdout: /; one call goes on in the old one\n$/ })
  t.equal(pidsIn(second.stdout)[0], pidsIn(first.stdout)[1])
  t.match(await system.codegen(['--auto', 'greet']), { code: 0, stdout: /Hello\./ }, 'the new one works meanwhile')
  await writeFile(join(system.project, 'go'), '')
  t.equal(await run.ended, 0)
  t.match(run.printed(), /Before\.[^]*Between\.[^]*After\./)
  t.equal(await readFile(join(system.project, 'go.count'), 'utf8'), 'ran\n', 'the command ran once')
  const requests = JSON.stringify(system.model.requests.at(-1)?.body)
  t.match(requests, /Exit code 0[^"]*begun\\n[^"]*over/, 'and the model was told of its success')
  t.notMatch(requests, /interrupted/)
  // One that stayed would keep the test from its end.
  for (const pid of [...pidsIn(first.stdout), pidsIn(second.stdout)[0]]) while (isRunning(pid)) await delay(20)
})

test('a prompt is taken whenever codegend is restarted', async (t) => {
  const restart = system.codegen(['daemon', 'restart'])
  const prompts = await Promise.all([1, 2, 3].map(() => system.codegen(['--auto', 'greet'])))
  t.match(await restart, { code: 0 })
  for (const { code, stdout } of prompts) t.match({ code, stdout }, { code: 0, stdout: /Hello\./ })
})

test('a codegend that cannot start leaves the one that runs in its place', async (t) => {
  const before = JSON.parse((await system.codegen(['status', '--json'])).stdout)
  const broken = await system.codegen(['daemon', 'restart'], { env: { CODEGEN_MAESTRO_URL: 'nonsense' } })
  t.match(broken, { code: 4, stderr: /^codegen: codegend did not start: CODEGEN_MAESTRO_URL is "nonsense"/ })
  t.equal(JSON.parse((await system.codegen(['status', '--json'])).stdout).pid, before.pid)
})
