import { execFileSync, spawn } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { dial } from './dial.ts'
import { installCodegen, runCodegen } from './test-codegen.ts'
import type { Test } from './test-codegen.ts'

/** codegen in a checkout whose daemon is `script`; nothing is running yet. */
async function install(t: Test, script: string) {
  const installed = await installCodegen(t)
  await mkdir(join(installed.folder, 'daemon/bin'), { recursive: true })
  await writeFile(join(installed.folder, 'daemon/bin/codegend.js'), script)
  t.after(async () => {
    const pids = await readFile(join(installed.folder, 'pids'), 'utf8').catch(() => '')
    for (const pid of pids.split('\n').filter(Boolean)) kill(Number(pid))
  })
  return installed
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has left by itself.
  }
}

/** Plain JavaScript: beside the bundle there are no packages. Ends every run at once, and tells where and how it was started. */
const daemon = `
const { appendFileSync } = require('node:fs')
const path = process.env.CODEGEN_SOCKET
const server = require('node:net').createServer((socket) => {
  const send = (message) => socket.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n')
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
    const lines = text.split('\\n')
    text = lines.pop()
    for (const line of lines) {
      const { id, method } = JSON.parse(line)
      if (method === 'initialize') send({ id, result: { version: '0.1.0', pid: process.pid } })
      if (method !== 'run/start') continue
      send({ id, result: { generation_id: 'g-1', session_id: 's' } })
      const content = JSON.stringify({ cwd: process.cwd(), argv: process.execArgv, socket: path })
      const event = (position, type, payload) =>
        send({ method: 'run/event', params: { generation_id: 'g-1', event_id: position + '-0', event: { type, payload } } })
      event(1, 'agent_message_delta', { content })
      event(2, 'run_finished', { generation_id: 'g-1', status: 'completed' })
    }
  })
})
server.on('error', () => {
  console.error('codegend is already running (pid 1).')
  process.exit(1)
})
setTimeout(() => server.listen(path, () => appendFileSync(process.env.HOME + '/pids', process.pid + '\\n')), 100)
`

test(
  'a codegend that goes while it is being dialled is as good as gone',
  { skip: process.platform !== 'linux' && 'needs /proc' },
  async (t) => {
    const path = join(tmpdir(), `codegen-dial-${process.pid}.sock`)
    t.teardown(() => rm(path, { force: true }))
    // It listens and accepts nobody: who dials it waits in its queue.
    const script = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGSTOP'))`
    const leaving = spawn(process.execPath, ['-e', script, path], { stdio: 'ignore' })
    t.teardown(() => leaving.kill('SIGKILL'))
    const untilState = (letter: string): void => {
      const until = `until grep -q '^State:.*${letter}' /proc/${leaving.pid}/status; do sleep 0.01; done`
      execFileSync('sh', ['-c', until])
    }
    untilState('T')
    const dialled = dial(path)
    leaving.kill('SIGKILL')
    // Before the event loop hears of either.
    untilState('Z')
    t.equal(await dialled, undefined)
  },
)

test('codegend is started when it does not run, says so, and outlives codegen', async (t) => {
  const installed = await install(t, daemon)
  const first = await runCodegen(installed, ['--auto', 'x']).ended
  t.equal(first.code, 0)
  t.equal(first.stderr, 'codegen: starting codegend, which stays in the background\n')
  t.match(first.stdout, `{"cwd":"/","argv":["--max-semi-space-size=1"],"socket":"${installed.socketPath}"}`)
  const second = await runCodegen(installed, ['--auto', 'x']).ended
  t.equal(second.code, 0)
  t.equal(second.stderr, '')
  t.equal((await readFile(join(installed.folder, 'pids'), 'utf8')).trim().split('\n').length, 1)
})

test('a socket path that is relative means the same to the daemon', async (t) => {
  const installed = await install(t, daemon)
  const { code, stdout } = await runCodegen(installed, ['--auto', 'x'], {
    environment: { CODEGEN_SOCKET: 'here.sock' },
  }).ended
  t.equal(code, 0)
  t.match(stdout, join(installed.folder, 'here.sock'))
})

test('of prompts that come at once while nothing runs, each is served by the one daemon that wins', async (t) => {
  const installed = await install(t, daemon)
  const all = await Promise.all([1, 2, 3].map(() => runCodegen(installed, ['--auto', 'x']).ended))
  t.same(
    all.map(({ code }) => code),
    [0, 0, 0],
    all.map(({ stderr }) => stderr).join(''),
  )
  t.equal((await readFile(join(installed.folder, 'pids'), 'utf8')).trim().split('\n').length, 1)
})

test('a daemon that dies at its start is quoted, exit 4', async (t) => {
  const installed = await install(
    t,
    "console.error('first line\\n\\x1b[2JNo model is configured; set CODEGEN_MODEL.\\n'); process.exit(1)",
  )
  const { code, stderr, stdout } = await runCodegen(installed, ['--auto', 'x']).ended
  t.equal(code, 4)
  t.equal(stdout, '')
  t.same(stderr.trimEnd().split('\n'), [
    'codegen: starting codegend, which stays in the background',
    'codegen: codegend did not start: No model is configured; set CODEGEN_MODEL.',
  ])
})

test('a daemon that is not there at all is one sentence', async (t) => {
  const installed = await installCodegen(t)
  const { code, stderr } = await runCodegen(installed, ['--auto', 'x']).ended
  t.equal(code, 4)
  t.match(stderr, /codegend did not start: /)
})

test('status starts nothing and says that nothing runs, exit 4', async (t) => {
  const installed = await install(t, daemon)
  const { code, stderr } = await runCodegen(installed, ['status']).ended
  t.equal(code, 4)
  t.match(stderr, /^codegen: codegend is not running \(nobody listens on .*codegend\.sock\)/)
})

test('a socket path that is too long is one sentence, exit 2', async (t) => {
  const installed = await install(t, daemon)
  const { code, stderr } = await runCodegen({ ...installed, socketPath: `/tmp/${'x'.repeat(200)}` }, ['x']).ended
  t.equal(code, 2)
  t.match(stderr, /^codegen: The socket path .* set CODEGEN_SOCKET to a shorter one\.\n$/)
})

test('where the socket is: CODEGEN_SOCKET, CODEGEN_HOME, XDG_RUNTIME_DIR, the home folder', async (t) => {
  const installed = await installCodegen(t)
  const at = async (environment: Record<string, string>): Promise<string> => {
    const { stderr } = await runCodegen({ ...installed, socketPath: '' }, ['status'], { environment }).ended
    return /listens on (.*)\)/.exec(stderr)?.[1] ?? stderr
  }
  t.equal(await at({ CODEGEN_SOCKET: '/a/s', CODEGEN_HOME: '/b', XDG_RUNTIME_DIR: '/c' }), '/a/s')
  t.equal(await at({ CODEGEN_HOME: '/b', XDG_RUNTIME_DIR: '/c' }), '/b/run/codegend.sock')
  t.equal(await at({ XDG_RUNTIME_DIR: '/c' }), '/c/codegen/codegend.sock')
  t.equal(await at({}), join(installed.folder, '.codegen/run/codegend.sock'))
})

test('a Node that is too old is one sentence, exit 2', async (t) => {
  const script = join(import.meta.dirname, '../bin/codegen.cjs')
  const old = "Object.defineProperty(process.versions, 'node', { value: '20.1.0' }); require(process.argv[1])"
  try {
    execFileSync(process.execPath, ['-e', old, script], { stdio: 'pipe' })
    t.fail('it went on')
  } catch (error) {
    t.match(error, { status: 2, stderr: /This is Node 20\.1\.0 and codegen needs 24 or newer.*npx codegen/ })
  }
})
