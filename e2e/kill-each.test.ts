import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { startScriptedModel } from '@codegen/scripted-model'
import type { ScriptedModel } from '@codegen/scripted-model'
import { toEnvironment } from '#demo/environment'
import { listUsersOf } from '#demo/processes'
import { createScratchProject } from '#demo/scratch-project'
import { stopDaemon } from '#demo/stop-daemon'
import { programPath, run } from '#support/system'

const conditions = '--conditions=codegen-source'
const codegen = programPath('cli', 'src', 'main.ts')

test('R3 whichever process of the system is killed in the middle of the demo, its run ends as if nothing had happened', async (t) => {
  const model = await startScriptedModel({ scenario: programPath('scripted-model', 'scenarios', 'demo.yaml') })
  const project = await createScratchProject()
  const env = toEnvironment(project.home, model.url)
  t.teardown(async () => {
    const left = await stopDaemon(project.home)
    await model.stop()
    await project.remove()
    if (left.length > 0) throw new Error(`codegend left processes behind: ${left.join(', ')}`)
  })
  const parameters = [conditions, codegen, '--auto', 'add a /health endpoint']
  const terminal = spawn(process.execPath, parameters, { cwd: project.folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [terminal.stdout, terminal.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const ended = once(terminal, 'close')

  // Each dies while the model answers: then no call is open, and the scenario, which wants every result, has to come out whole.
  const killed: string[] = []
  for (const [turn, program] of [
    [1, 'maestro.js'],
    [2, 'postgres'],
    [3, 'codegend.js'],
    [4, 'codegen'],
  ] as const) {
    await untilTurn(model, turn)
    const pid = program === 'codegen' ? terminal.pid : await findProcess(project.home, program)
    if (pid === undefined) throw new Error(`there is no ${program}: ${output}`)
    process.kill(pid, 'SIGKILL')
    killed.push(program)
  }
  await ended
  const runs = await run([conditions, codegen, 'runs', '--json'], { cwd: project.folder, env })
  const [listed] = runs.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const id = String(listed?.generation_id)
  const attached = await run([conditions, codegen, 'attach', id], { cwd: project.folder, env })
  t.equal(attached.code, 0, `${output}\n${attached.stdout}\n${attached.stderr}`)

  const log = await run([conditions, codegen, 'log', id, '--json'], { cwd: project.folder, env })
  const facts = log.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const of = (type: string): { payload: Record<string, unknown> }[] => facts.filter((fact) => fact.type === type)
  t.equal(of('run_finished')[0]?.payload['status'], 'completed', JSON.stringify(of('run_finished')))
  const outcomes = of('tool_call_finished').map(({ payload }) => payload['status'])
  t.strictSame(
    outcomes.filter((status) => status !== 'success'),
    ['error'],
    'all as in the demo: one test fails on purpose',
  )
  const calls = of('tool_call').filter(({ payload }) => payload['bootstrap'] !== true)
  t.equal(calls.length, of('tool_call_finished').length)
  t.equal(new Set(calls.map(({ payload }) => payload['tool_id'])).size, calls.length)
  t.equal(of('claimed').length, 2, 'it has a new owner after the death of its server and of its codegend')
  const tests = await run(['--test'], { cwd: project.folder, env: { PATH: env['PATH'] } })
  t.match(tests.stdout, /pass 4\b/)
  t.match(await project.git('diff'), /^\+ {2}\{ method: 'GET', path: .*health.*getHealth \},$/m)
  t.strictSame(killed, ['maestro.js', 'postgres', 'codegend.js', 'codegen'])
})

/** Resolves when the model is asked for the answer after so many. */
async function untilTurn(model: ScriptedModel, answers: number): Promise<void> {
  for (let number = 1; ; number += 1) {
    const { body } = await model.request(number)
    const messages = (body as { messages: { role: string; tool_calls?: { id: string }[] }[] }).messages
    const given = messages.filter(({ role, tool_calls: calls = [] }) => {
      return role === 'assistant' && !calls.some(({ id }) => id.startsWith('bootstrap'))
    })
    if (given.length === answers) return
  }
}

/** The process of a home that runs this program. */
async function findProcess(home: string, program: string): Promise<number | undefined> {
  if (program === 'postgres') {
    const names = await readdir(join(home, 'maestro'), { recursive: true })
    const pidFile = names.find((name) => name.endsWith('postmaster.pid'))
    return pidFile === undefined ? undefined : Number.parseInt(await readFile(join(home, 'maestro', pidFile), 'utf8'))
  }
  for (const pid of await listUsersOf(home)) {
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0')
    if (words.some((word) => word.endsWith(join('bin', program)))) return pid
  }
  return undefined
}
