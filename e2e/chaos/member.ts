import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** How a process of the system is started. */
export type MemberStart = {
  readonly name: string
  /** Its program, a file of the checkout. */
  readonly program: string
  readonly args: readonly string[]
  /** Its environment, made anew for each start. */
  env(incarnation: number): NodeJS.ProcessEnv
  /** Where what it prints goes. */
  readonly logFile: string
  /** The line of its standard output that says it is ready; without one it is ready at once. */
  readonly readyLine?: RegExp
  /** It has ended, by whatever: a signal, a crash point, by itself. */
  onGone(gone: { incarnation: number; code: number | null; signal: NodeJS.Signals | null }): void
}

/** A process that is ended and started again and again. */
export type Member = {
  readonly name: string
  readonly incarnation: () => number
  readonly pid: () => number | undefined
  readonly isUp: () => boolean
  readonly isPaused: () => boolean
  /** What the ready line said. */
  readonly said: () => RegExpExecArray | undefined
  /** Starts it; resolves when it is ready or has ended. `dieAt`: the crash point it is to die at. */
  start(dieAt?: string): Promise<void>
  /** Starts another one beside it, with more arguments: that is the one from now on, and this one is to leave by itself. */
  startBeside(args: readonly string[]): Promise<void>
  /** Those that are to leave by themselves and have not yet. */
  signalOthers(signal: NodeJS.Signals): void
  /** Resolves when it is started the next time and is ready, or has ended. */
  nextStart(): Promise<void>
  kill(signal: NodeJS.Signals): void
  pause(): void
  resume(): void
  /** Ends it for good; SIGKILL after a while. Resolves with whether it left by itself. */
  stop(waitMs: number): Promise<boolean>
}

const checkout = join(import.meta.dirname, '..', '..')
const preload = join(import.meta.dirname, 'die-at.ts')

export function createMember(start: MemberStart): Member {
  let child: ChildProcess | undefined
  const alive = new Set<ChildProcess>()
  let incarnation = 0
  let said: RegExpExecArray | undefined
  let isPaused = false
  let started = Promise.withResolvers<void>()

  const signal = (name: NodeJS.Signals): void => void (child?.pid === undefined || child.kill(name))
  async function launch(dieAt: string | undefined, more: readonly string[]): Promise<void> {
    incarnation += 1
    const mine = incarnation
    said = undefined
    isPaused = false
    const options = ['--conditions=codegen-source', `--import=${preload}`]
    const env = { ...start.env(mine), ...(dieAt === undefined ? {} : { CODEGEN_TEST_DIE_AT: dieAt }) }
    const spawned = spawn(process.execPath, [...options, join(checkout, start.program), ...start.args, ...more], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child = spawned
    alive.add(spawned)
    const note = (text: string): void => appendFileSync(start.logFile, text)
    note(`== ${start.name}.${mine} pid ${spawned.pid} ${dieAt ?? ''}\n`)
    spawned.stderr.setEncoding('utf8').on('data', note)
    const ready = Promise.withResolvers<void>()
    createInterface(spawned.stdout).on('line', (line) => {
      note(`${line}\n`)
      said ??= start.readyLine?.exec(line) ?? undefined
      if (said) ready.resolve()
    })
    if (!start.readyLine) {
      said = /^/.exec('') ?? undefined
      ready.resolve()
    }
    spawned.once('exit', (code, name) => {
      note(`== ${start.name}.${mine} ended with ${code ?? name}\n`)
      alive.delete(spawned)
      ready.resolve()
      // Another one has its place.
      if (child !== spawned) return
      // One that may not take the place of the one before, which stays, says so with 1.
      const before = code === 1 ? [...alive].at(-1) : undefined
      child = before
      if (before) return
      said = undefined
      isPaused = false
      start.onGone({ incarnation: mine, code, signal: name })
    })
    await ready.promise
    started.resolve()
    started = Promise.withResolvers()
  }

  return {
    name: start.name,
    incarnation: () => incarnation,
    pid: () => child?.pid,
    isUp: () => child !== undefined && said !== undefined && !isPaused,
    isPaused: () => isPaused,
    said: () => said,
    start: (dieAt) => launch(dieAt, []),
    startBeside: (args) => launch(undefined, args),
    signalOthers(name) {
      for (const other of alive) if (other !== child) other.kill(name)
    },
    nextStart: () => started.promise,
    kill: signal,
    pause() {
      isPaused = true
      signal('SIGSTOP')
    },
    resume() {
      isPaused = false
      signal('SIGCONT')
    },
    async stop(waitMs) {
      const left = await Promise.all([...alive].map((leaving) => end(leaving, waitMs)))
      return left.every(Boolean)
    },
  }
}

/** False where it had to be killed. */
async function end(leaving: ChildProcess, waitMs: number): Promise<boolean> {
  leaving.kill('SIGCONT')
  leaving.kill('SIGTERM')
  const timer = setTimeout(() => leaving.kill('SIGKILL'), waitMs)
  const [, name] = leaving.exitCode === null && leaving.signalCode === null ? await once(leaving, 'exit') : []
  clearTimeout(timer)
  return name !== 'SIGKILL'
}
