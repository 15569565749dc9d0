import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { startFakeDaemon } from './fake-daemon.ts'
import type { FakeAnswers, FakeDaemon, FakeRun } from './fake-daemon.ts'

export type Test = { after(clean: () => unknown): void }

/** A checkout in small: the bundle where it would be, and beside it whatever the test takes for the daemon. */
export type Installed = { folder: string; bundle: string; socketPath: string }

export async function installCodegen(t: Test): Promise<Installed> {
  const folder = await mkdtemp(join(tmpdir(), 'codegen-cli-'))
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  const bundle = join(folder, 'cli/dist/codegen.cjs')
  execFileSync(process.execPath, [resolve(import.meta.dirname, '../bundle.mjs'), bundle])
  return { folder, bundle, socketPath: join(folder, 'codegend.sock') }
}

/** codegen and a codegend of its own, for one test. */
export async function startPlace(t: Test, installed: Installed, answers: FakeAnswers = {}) {
  places += 1
  const place = { ...installed, socketPath: join(installed.folder, `${places}.sock`) }
  const daemon: FakeDaemon = await startFakeDaemon(place.socketPath, answers)
  t.after(() => daemon.close())
  const codegen = (words: string[], options?: RunOptions): Codegen => {
    const started = runCodegen(place, words, options)
    t.after(() => started.process.kill('SIGKILL'))
    return started
  }
  return { daemon, codegen }
}

let places = 0

/** A run that plays its events as soon as it is started. */
export function playing(play: (run: FakeRun) => unknown): FakeAnswers {
  return {
    'run/start': ({ run }) => {
      setImmediate(() => {
        // What the test waits for does not come any more; the test says so itself.
        Promise.resolve(play(run)).catch(() => undefined)
      })
      return { generation_id: 'g-1', session_id: 's-1' }
    },
  }
}

export const delta = (run: FakeRun, content: string): void => run.emit('agent_message_delta', { content })

export function message(run: FakeRun, content: string): void {
  run.emit('agent_message', { content, turn: 1, finish_reason: 'stop', requests: [] })
}

export type Codegen = {
  readonly process: ChildProcessWithoutNullStreams
  readonly out: { stdout: string; stderr: string }
  /** Resolves when the output of that stream matches. */
  saw(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<void>
  readonly ended: Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }>
}

export type RunOptions = {
  input?: string | Buffer | 'open'
  cwd?: string
  environment?: Record<string, string>
  /** On a terminal of its own, of this many columns. */
  terminal?: number
}

/** Runs codegen as a user would: the bundle, as a process, outside of this one's environment. */
export function runCodegen(installed: Installed, words: string[], options: RunOptions = {}): Codegen {
  const { input, cwd, environment, terminal } = options
  const env = {
    PATH: process.env['PATH'],
    HOME: installed.folder,
    CODEGEN_SOCKET: installed.socketPath,
    TERM: 'xterm',
    ...environment,
  }
  const line = [process.execPath, installed.bundle, ...words]
  const [file = '', ...rest] = terminal === undefined ? line : onTerminal(line, terminal)
  const child = spawn(file, rest, { env, cwd: cwd ?? installed.folder })
  const out = { stdout: '', stderr: '' }
  const watchers = new Set<() => void>()
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8')
    child[stream].on('data', (text: string) => {
      out[stream] += text
      for (const watcher of watchers) watcher()
    })
  }
  child.stdin.on('error', () => undefined)
  if (terminal === undefined && input !== 'open') child.stdin.end(input)
  const ended = new Promise<Awaited<Codegen['ended']>>((done) => {
    child.on('close', (code, signal) => done({ code, signal, ...out }))
  })
  async function saw(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<void> {
    while (!pattern.test(out[stream])) {
      const next = Promise.withResolvers<void>()
      watchers.add(next.resolve)
      const end = ended.then(() =>
        Promise.reject(new Error(`codegen ended without ${pattern}: ${JSON.stringify(out)}`)),
      )
      if (!pattern.test(out[stream])) await Promise.race([next.promise, end])
      watchers.delete(next.resolve)
      end.catch(() => undefined)
    }
  }
  return { process: child, out, saw, ended }
}

/** `script` gives the command a pseudo terminal and passes its exit code on. */
function onTerminal(line: string[], columns: number): string[] {
  const command = `stty cols ${columns} rows 24; exec ${line.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')}`
  return ['script', '--quiet', '--return', '--flush', '--command', command, '/dev/null']
}
