import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { listFamily } from '#demo/processes'

/** What one process holds at a moment. Memory in megabytes. */
export type Held = {
  readonly rss: number
  /** After a collection of its garbage. */
  readonly heap: number
  /** Buffers and what else lies outside of the heap. */
  readonly external: number
  readonly descriptors: number
  readonly threads: number
  /** Processes it or its children started. */
  readonly children: number
  /** Timers that keep its loop alive. */
  readonly timers: number
}

/** A process that is looked at while it works. */
export type WatchedProcess = {
  readonly pid: number
  /** What the ready line said. */
  readonly said: RegExpExecArray
  /** Fails when the process has ended. */
  hold(): Promise<Held>
  /** False once it has ended, by whatever. */
  isAlive(): boolean
  /** Ends it; resolves with whether it left by itself. */
  stop(): Promise<boolean>
}

export type WatchedStart = {
  readonly program: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** Where what it prints goes. */
  readonly logFile: string
  /** The line that says that it is ready; without one it is ready at once. */
  readonly readyLine?: RegExp
}

const checkout = join(import.meta.dirname, '..', '..')
const preload = join(import.meta.dirname, 'tell-usage.ts')
const answerMsMax = 30_000
const stopMsMax = 20_000
const megabyte = 1024 * 1024

export async function startWatched(start: WatchedStart): Promise<WatchedProcess> {
  const options = ['--conditions=codegen-source', '--expose-gc', `--import=${preload}`]
  const child = spawn(process.execPath, [...options, join(checkout, start.program), ...start.args], {
    env: start.env,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const note = (text: string): void => appendFileSync(start.logFile, text)
  const { stdout, stderr } = child
  if (!stdout || !stderr) throw new Error(`${start.program} was given no pipes.`)
  stderr.setEncoding('utf8').on('data', note)
  const ready = Promise.withResolvers<RegExpExecArray>()
  createInterface(stdout).on('line', (line) => {
    note(`${line}\n`)
    const said = start.readyLine?.exec(line)
    if (said) ready.resolve(said)
  })
  const isAlive = (): boolean => child.exitCode === null && child.signalCode === null
  child.once('exit', (code, signal) => {
    note(`ended with ${code ?? signal}\n`)
    ready.reject(new Error(`${start.program} ended with ${code ?? signal}; see ${start.logFile}`))
  })
  if (!start.readyLine) ready.resolve(/^/.exec('') as RegExpExecArray)
  const said = await ready.promise
  const pid = child.pid ?? 0

  return {
    pid,
    said,
    isAlive,
    async hold() {
      if (!isAlive()) throw new Error(`${start.program} has ended; see ${start.logFile}`)
      const answered = once(child, 'message', { signal: AbortSignal.timeout(answerMsMax) })
      child.send('hold')
      const [usage] = await answered
      const { rss, heapUsed, external, resources } = usage
      const [descriptors, threads, family] = await Promise.all([
        countIn(`/proc/${pid}/fd`),
        countIn(`/proc/${pid}/task`),
        listFamily(pid),
      ])
      return {
        rss: rss / megabyte,
        heap: heapUsed / megabyte,
        external: external / megabyte,
        descriptors,
        threads,
        children: family.length - 1,
        timers: resources.filter((name: string) => name === 'Timeout').length,
      }
    },
    async stop() {
      if (!isAlive()) return false
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), stopMsMax)
      const [, signal] = await once(child, 'exit')
      clearTimeout(timer)
      return signal !== 'SIGKILL'
    },
  }
}

/** NaN where there is no /proc: then it is not known, and not flat. */
async function countIn(folder: string): Promise<number> {
  return (await readdir(folder).catch(() => undefined))?.length ?? NaN
}
