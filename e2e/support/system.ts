import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { startScriptedModel } from '@codegen/scripted-model'
import type { Scenario, ScriptedModel } from '@codegen/scripted-model'
import type { Test } from 'tap'
import { toEnvironment } from '#demo/environment'
import { stopDaemon } from '#demo/stop-daemon'

/** How a program ended, and what it printed. */
export type Ended = { readonly code: number | null; readonly stdout: string; readonly stderr: string }

/** The whole system of one test: its own home, project and model; codegend and Maestro start with the first command. */
export type System = {
  readonly model: ScriptedModel
  readonly home: string
  readonly project: string
  readonly env: NodeJS.ProcessEnv
  /** Runs `codegen` to its end, without a terminal. */
  codegen(parameters: string[], options?: { input?: string; env?: NodeJS.ProcessEnv }): Promise<Ended>
  /** Starts `codegen` and does not wait. */
  startCodegen(parameters: string[]): ChildProcess
}

const checkout = join(import.meta.dirname, '..', '..')
const conditions = ['--conditions=codegen-source']

/**
 * Sets a system up with files in a git repository and a scripted model. Everything it started is ended with the test; what would not leave by itself
 * fails it.
 */
export async function createSystem(
  t: Pick<Test, 'teardown'>,
  options: { scenario: Scenario; files?: Record<string, string>; env?: NodeJS.ProcessEnv },
): Promise<System> {
  // A Unix socket's path must be short, and tap's own folders are not.
  const scratch = await realpath(await mkdtemp(join(tmpdir(), 'e2e-')))
  const model = await startScriptedModel({ scenario: options.scenario })
  const home = join(scratch, 'home')
  const project = join(scratch, 'project')
  t.teardown(async () => {
    const left = await stopDaemon(home)
    await model.stop()
    await rm(scratch, { recursive: true, force: true, maxRetries: 5 })
    if (left.length > 0) throw new Error(`codegend left processes behind: ${left.join(', ')}`)
  })
  await mkdir(home, { mode: 0o700 })
  await makeRepository(project, options.files ?? { 'a.txt': 'one\n' })
  const env = { ...toEnvironment(home, model.url), ...options.env }
  const parametersOf = (parameters: string[]) => [...conditions, join(checkout, 'cli', 'src', 'main.ts'), ...parameters]
  return {
    model,
    home,
    project,
    env,
    codegen: (parameters, more = {}) =>
      run(parametersOf(parameters), { cwd: project, env: { ...env, ...more.env }, input: more.input }),
    startCodegen: (parameters) =>
      spawn(process.execPath, parametersOf(parameters), { cwd: project, env, stdio: ['ignore', 'pipe', 'pipe'] }),
  }
}

async function makeRepository(folder: string, files: Record<string, string>): Promise<void> {
  await mkdir(folder)
  const git = (...parameters: string[]) =>
    promisify(execFile)('git', ['-c', 'user.name=T', '-c', 'user.email=t@localhost', ...parameters], { cwd: folder })
  await git('init', '--quiet')
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), content)
  }
  await git('add', '--all')
  await git('commit', '--quiet', '--message', 'The first commit')
}

/** Runs Node with `parameters` to its end. */
export async function run(
  parameters: string[],
  options: { cwd?: string; env: NodeJS.ProcessEnv; input?: string | undefined },
): Promise<Ended> {
  const { cwd, env, input } = options
  const child = spawn(process.execPath, parameters, {
    cwd,
    env,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  // A program may refuse its input before it has read all of it.
  child.stdin?.on('error', () => undefined).end(input)
  const [stdout, stderr, [code]] = await Promise.all([textOf(child.stdout), textOf(child.stderr), once(child, 'close')])
  return { code: typeof code === 'number' ? code : null, stdout, stderr }
}

async function textOf(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = ''
  if (stream) for await (const chunk of stream.setEncoding('utf8')) text += String(chunk)
  return text
}

/** The path of a program of ours. */
export function programPath(...names: string[]): string {
  return join(checkout, ...names)
}
