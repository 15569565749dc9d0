import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import tap, { before, test } from 'tap'
import { createSystem, run } from '#support/system'
import { openTerminal } from '#support/person-at-terminal'
import type { System } from '#support/system'

const conversations = [
  {
    name: 'write',
    when: 'write it down',
    steps: [
      { calls: [{ tool: 'WriteFile', arguments: { file_path: 'word.txt', content: 'plum\n' } }] },
      { expect: [{ results: 1 }], text: 'It is in word.txt.' },
    ],
  },
  {
    name: 'gated',
    when: 'wait for the gate',
    steps: [
      { text: 'I wait.', calls: [{ tool: 'Shell', arguments: { command: 'until test -e gate; do sleep 0.1; done' } }] },
      { text: 'The gate is open.' },
    ],
  },
  { name: 'steered', when: 'and hurry', steps: [{ loop: 3, text: 'I hurry.' }] },
  { name: 'first', when: '/the word is (?<word>\\w+)/', steps: [{ text: 'I keep it: {{word}}.' }] },
  { name: 'second', when: 'say it again', steps: [{ text: 'Again.' }] },
  {
    name: 'long',
    when: 'take long',
    steps: [{ calls: [{ tool: 'Shell', arguments: { command: 'sleep 600' } }] }, { text: 'Over.' }],
  },
]

tap.setTimeout(240_000)
let system: System

before(async () => {
  system = await createSystem(tap, { scenario: { conversations } })
})

async function newestRuns(): Promise<Record<string, string>[]> {
  const { stdout } = await system.codegen(['runs', '--json'])
  return stdout
    .trim()
    .split('\n')
    .map((line): Record<string, string> => JSON.parse(line))
}

test('resume goes on with the newest conversation of this folder, or that of an id', async (t) => {
  t.match(await system.codegen(['resume', 'say it again']), { code: 2, stderr: /No run was started in .*project yet/ })
  t.equal((await system.codegen(['the word is', 'plum'])).code, 0)
  t.equal((await system.codegen(['the word is', 'fig'])).code, 0)

  const [fig, plum] = await newestRuns()
  t.match(await system.codegen(['resume', '--quiet', 'say it again']), { code: 0, stdout: 'Again.\n' })
  t.match(JSON.stringify(system.model.requests.at(-1)?.body), /the word is fig.*I keep it: fig.*say it again/)
  const [again] = await newestRuns()
  t.equal(again?.['session_id'], fig?.['session_id'])
  const id = plum?.['generation_id']?.slice(0, 8) ?? ''
  const piped = await system.codegen(['resume', id, '--json', '--max-turns', '3', '--read-only'], {
    input: 'say it again',
  })
  t.match(JSON.parse(piped.stdout.trim().split('\n').at(-1) ?? ''), {
    type: 'run_finished',
    payload: { status: 'completed' },
  })
  const [last] = await newestRuns()
  t.match(last, { session_id: plum?.['session_id'], mode: 'read-only', prompt: 'say it again' })
  t.match(await system.codegen(['resume', '01234567', 'say it again']), { code: 1, stderr: /no run/i })
})

test('a run of another folder is gone on with only where its owner names that folder, and one that goes on not at all', async (t) => {
  const other = join(system.home, 'other')
  await mkdir(other)
  const start = ['--conditions=codegen-source', join(import.meta.dirname, '../cli/src/main.ts')]
  const inOther = (words: string[]) => run([...start, ...words], { cwd: other, env: system.env })
  t.match(await inOther(['resume', 'say it again']), { code: 2, stderr: /No run was started in .*other yet/ })
  const [here] = await newestRuns()
  const id = here?.['generation_id']?.slice(0, 8) ?? ''
  t.match(await inOther(['resume', id, 'say it again']), {
    code: 2,
    stderr: new RegExp(`worked in ${system.project}.*resume ${id} -C`),
  })
  t.match(await inOther(['resume', id, '-C', system.project, '-q', 'say it again']), { code: 0, stdout: 'Again.\n' })

  const long = system.startCodegen(['--auto', 'take long'])
  long.stdout?.resume()
  const ended = new Promise((resolve) => long.on('close', resolve))
  while (JSON.parse((await system.codegen(['status', '--json'])).stdout).calls_open === 0);
  t.match(await system.codegen(['resume', 'say it again']), { code: 2, stderr: /still goes on; codegen attach/ })
  long.kill('SIGINT')
  t.equal(await ended, 130)
})

test('a conversation on a terminal: messages, a question, words to a run, and codegend restarted in the middle', async (t) => {
  const { type, saw, screen, ended } = openTerminal(t, system)
  const prompt = new RegExp(String.raw`> \r\x1b\[2C$`)
  await saw(prompt)
  t.match(screen(), /codegen \S+ {2}\S+project {2}ask\r\nMaestro connected/)
  type('the word is plum\r')
  await saw(/I keep it: plum/)
  await saw(prompt)
  type('write it down\r')
  await saw(/\? May WriteFile do this[^]*\+plum[^]*in this run/)
  type('y')
  await saw(/It is in word\.txt/)
  await saw(prompt)
  t.equal(await readFile(join(system.project, 'word.txt'), 'utf8'), 'plum\n')
  t.match(JSON.stringify(system.model.requests.at(-1)?.body), /the word is plum.*I keep it: plum.*write it down/)

  type('/mode auto\r')
  await saw(prompt)
  type('wait for the gate\r')
  await saw(/I wait/)
  type('and hurry\r')
  await saw(/sent to the run/)
  await writeFile(join(system.project, 'gate'), '')
  await saw(/> and hurry\r\n[^]*I hurry/)
  await saw(prompt)

  t.equal((await system.codegen(['daemon', 'restart'])).code, 0)
  type('say it again\r')
  await saw(/Again\./)
  await saw(prompt)
  const sessions = new Set((await newestRuns()).slice(0, 4).map((one) => one['session_id']))
  t.equal(sessions.size, 1, 'all of it is one conversation')

  type('take long\r')
  await saw(/sleep 600/)
  type('\x03')
  await saw(/cancelled: /)
  await saw(prompt)
  type('\x04')
  t.equal(await ended, 0)
})

test('resume without a prompt opens the conversation, with what was said last, also on a wide terminal', async (t) => {
  t.equal((await system.codegen(['the word is', 'pear'])).code, 0)
  const [pear] = await newestRuns()
  const { type, saw, screen, ended } = openTerminal(t, system, { words: ['resume'], columns: 200 })
  const prompt = new RegExp(String.raw`> \r\x1b\[2C$`)
  await saw(prompt)
  t.match(screen(), /> the word is pear\r\nI keep it: pear\.\r\n/)
  type('say it again\r')
  await saw(/Again\./)
  await saw(prompt)
  const [again] = await newestRuns()
  t.equal(again?.['session_id'], pear?.['session_id'])
  type('/resume 01234567\r')
  await saw(/codegen: .*no run/i)
  await saw(prompt)
  type('/exit\r')
  t.equal(await ended, 0)

  const refused = openTerminal(t, system, { words: ['resume'], cwd: system.home })
  await refused.saw(/No run was started in/)
  t.equal(await refused.ended, 2)
})
