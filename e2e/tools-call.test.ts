import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Ajv2020 } from 'ajv/dist/2020.js'
import tap, { before, test } from 'tap'
import { createSystem, programPath } from '#support/system'
import type { Ended, System } from '#support/system'
import { startOnTerminal, watchStarted } from '#support/terminal'

tap.setTimeout(180_000)
let system: System

before(async () => {
  // Nobody is there who could be a Maestro, and no model is named.
  const nobody = { CODEGEN_MAESTRO_URL: 'ws://127.0.0.1:1/v1/executor', CODEGEN_TOKEN: 'x' }
  system = await createSystem(tap, {
    scenario: { steps: [{ text: 'never' }] },
    env: { ...nobody, OPENAI_BASE_URL: '' },
  })
})

const call = (...words: string[]): Promise<Ended> => system.codegen(['tools', 'call', ...words])
const shell = (command: string, more = {}): [string, string] => ['Shell', JSON.stringify({ command, ...more })]
const toObject = (line: string) => JSON.parse(line)
const status = async () => toObject((await system.codegen(['status', '--json'])).stdout)
const isThere = (pid: string): boolean => existsSync(`/proc/${pid.trim()}`)

test('a tool runs where one stands, without Maestro and without a model', async (t) => {
  const content = '{"file_path": "a.txt"}'
  await writeFile(join(system.project, 'args.json'), `\ufeff${content}`)
  const shown = { code: 0, stdout: /^1\tone$/m }
  t.match(await call('ReadFile', content), shown)
  t.match(await call('ReadFile', '@args.json'), shown)
  t.match(await system.codegen(['tools', 'call', 'ReadFile', '-'], { input: content }), shown)
  t.match(await system.codegen(['tools', 'call', 'ReadFile'], { input: content }), shown)
  t.match(await call('GetWorkingDirectory'), { code: 0, stdout: `${system.project}\n`, stderr: '' })
  t.match(await call('GetWorkingDirectory', '--cwd', system.home), { code: 0, stdout: `${system.home}\n` })
  t.match(await status(), { runs_open: 0, calls_open: 0, maestro: { state: /connecting|waiting/ } })
})

const refusals: readonly { title: string; words: string[]; code: number; says: RegExp }[] = [
  { title: 'what is not JSON', words: ['ReadFile', '{"file_path": a}'], code: 2, says: /not JSON at position 15: "a"/ },
  { title: 'JSON cut off', words: ['ReadFile', '{"file_path"'], code: 2, says: /position 13: they end too early/ },
  { title: 'a list', words: ['ReadFile', '[]'], code: 2, says: /are a list, and a tool takes an object/ },
  { title: 'a file that is not there', words: ['ReadFile', '@none'], code: 2, says: /The file none .*ENOENT/ },
  {
    title: 'a wrong type',
    words: ['ReadFile', '{"file_path": 7}'],
    code: 2,
    says: /"file_path" must be string.*file_path \(string\), offset \(integer, optional\)/,
  },
  { title: 'a missing one', words: ['ReadFile', '{}'], code: 2, says: /required.*file_path \(string\)/ },
  { title: 'an unknown tool', words: ['ReadFiel', '{}'], code: 2, says: /no tool ReadFiel.*did you mean ReadFile\?/ },
  { title: 'no tool at all', words: [], code: 2, says: /codegen tools call takes a tool's name/ },
  { title: 'a folder that is not there', words: ['Glob', '{}', '-C', '/none'], code: 2, says: /no folder \/none/ },
  { title: 'a failing call', words: ['ReadFile', '{"file_path": "none"}'], code: 1, says: /none does not exist/ },
  {
    title: 'a write that may only read',
    words: ['--read-only', ...shell('touch made')],
    code: 1,
    says: /may only read/,
  },
  {
    title: 'a question nobody can answer',
    words: shell('touch made'),
    code: 5,
    says: /no terminal.*touch made.*--auto/,
  },
  { title: 'too long a call', words: ['--auto', ...shell('sleep 600', { timeout_ms: 200 })], code: 3, says: /200 ms/ },
]

for (const { title, words, code, says } of refusals) {
  test(`${title} is one sentence and ends with ${code}`, async (t) => {
    const ended = await call(...words)
    t.equal(ended.code, code, ended.stderr)
    t.match(ended.stderr, says)
    t.equal(
      ended.stderr
        .trimEnd()
        .split('\n')
        .filter((line) => !line.includes('starting codegend')).length,
      1,
    )
    t.notOk(existsSync(join(system.project, 'made')))
  })
}

test('--json prints what its schema says, whatever happens', async (t) => {
  const path = programPath('protocol', 'schemas', 'v1', 'cli', 'tools-call.json')
  const validate = new Ajv2020({ strict: false }).compile(toObject(await readFile(path, 'utf8')))
  const linesOf = async (...words: string[]) => {
    const { stdout } = await call('--json', ...words)
    const lines = stdout.trimEnd().split('\n').map(toObject)
    for (const line of lines) t.ok(validate(line), JSON.stringify([line, validate.errors]))
    return lines
  }
  t.match(await linesOf('--auto', ...shell('echo out; echo wrong >&2; exit 3')), [
    { type: 'tool_output_delta', payload: { stream: 'stdout', chunk: 'out\n', offset: 0 } },
    { type: 'tool_output_delta', payload: { stream: 'stderr', chunk: 'wrong\n', offset: 0 } },
    { type: 'tool_result', payload: { tool_name: 'Shell', status: 'error', structured: { exit_code: 3 } } },
  ])
  t.match(await linesOf('Nope'), [
    { type: 'tool_result', payload: { status: 'refused', error: { code: 'tool.unknown' } } },
  ])
  t.match(await linesOf(...shell('touch made')), [{ payload: { status: 'denied', error: { code: 'tool.denied' } } }])
  t.notOk(validate({ type: 'tool_result', payload: {} }), 'it refuses what is none')
})

test('output comes live; Ctrl-C, SIGTERM and a lost terminal end the call and its command', async (t) => {
  const command = 'echo $$ > pid; echo begun; sleep 600'
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const) {
    const started = watchStarted(t, system.startCodegen(['tools', 'call', '--auto', ...shell(command)]))
    await started.saw(/begun/)
    started.child.kill(signal)
    t.equal(await started.ended, signal === 'SIGKILL' ? null : 130, signal)
    const pid = await readFile(join(system.project, 'pid'), 'utf8')
    while (isThere(pid) || (await status()).calls_open > 0) await delay(5)
    t.match(await status(), { runs_open: 0, calls_open: 0 }, `nothing is left after ${signal}`)
  }
})

test('a question is put on the terminal, and a yes runs the call', async (t) => {
  const yes = startOnTerminal(t, system, ['tools', 'call', ...shell('echo r"e"ally; touch allowed')])
  await yes.saw(/ yes {3}/)
  yes.type('y')
  t.equal(await yes.ended, 0, yes.printed())
  t.match(yes.printed(), /^really\r?$/m)
  t.ok(existsSync(join(system.project, 'allowed')))

  const no = startOnTerminal(t, system, ['tools', 'call', ...shell('touch made')])
  await no.saw(/ yes {3}/)
  no.type('n')
  t.equal(await no.ended, 1, no.printed())
  const interrupted = startOnTerminal(t, system, ['tools', 'call', ...shell('touch made')])
  await interrupted.saw(/ yes {3}/)
  interrupted.type('\x03')
  t.equal(await interrupted.ended, 130, interrupted.printed())
  t.notOk(existsSync(join(system.project, 'made')))
})

test('calls that edit one file at once follow each other: none is lost', async (t) => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  await writeFile(join(system.project, 'many.txt'), names.map((name) => `${name}=0\n`).join(''))
  const edits = names.map((name) =>
    call('--auto', 'Edit', JSON.stringify({ file_path: 'many.txt', old_string: `${name}=0`, new_string: `${name}=1` })),
  )
  for (const ended of await Promise.all(edits)) t.equal(ended.code, 0, ended.stderr)
  t.equal(await readFile(join(system.project, 'many.txt'), 'utf8'), names.map((name) => `${name}=1\n`).join(''))
})

test('a codegend that is killed ends the call with a sentence, and the next one has nothing left of it', async (t) => {
  const started = watchStarted(
    t,
    system.startCodegen(['tools', 'call', '--auto', ...shell('echo $$ > pid; echo begun; sleep 600')]),
  )
  await started.saw(/begun/)
  process.kill((await status()).pid, 'SIGKILL')
  t.equal(await started.ended, 4)
  t.match(started.printed(), /codegend has ended the connection/)
  const pid = await readFile(join(system.project, 'pid'), 'utf8')
  t.match(await call('GetWorkingDirectory'), { code: 0 })
  while (isThere(pid)) await delay(5)
  t.match(await status(), { runs_open: 0, calls_open: 0 })
})

test('the names of tools are completed', async (t) => {
  const { stdout } = await system.codegen(['completion', 'candidates', '--', 'tools', 'call', 'Re'])
  t.match(stdout, /^ReadFile\t/m)
  t.match((await system.codegen(['completion', 'candidates', '--', 'tools', ''])).stdout, /^call\t/m)
})
