import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { Failure } from '@codegen/protocol/failure'
import type { Environment } from '#config'
import type { Log } from '#log'
import { limits } from '#limits'

/** One process of a private Maestro. */
export type MaestroProcess = {
  /** Resolves when it has ended, with why: its own last words where it had any. */
  readonly ended: Promise<Failure>
  stop(): Promise<void>
}

/**
 * Starts Maestro's own program. It is ready when it prints its line of JSON; it leaves when its standard input is closed, which the end of this
 * process does by itself. It has a process group of its own, so that a Ctrl-C meant for codegend does not reach it.
 */
export function startMaestroProcess(options: {
  /** Maestro's entry. */
  program: string
  args: readonly string[]
  environment: Environment
  log: Log
  onReady(): void
}): MaestroProcess {
  const { program, args, environment, log, onReady } = options
  const child = spawn(process.execPath, [...process.execArgv, program, ...args], {
    env: definedOnly(environment),
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  })
  const { promise: ended, resolve } = Promise.withResolvers<Failure>()
  let lastWords = ''
  const notReady = setTimeout(() => {
    lastWords = `Its own Maestro was not ready within ${limits.maestroReadyMsMax / 1_000} s.`
    child.kill('SIGKILL')
  }, limits.maestroReadyMsMax)

  readLines(child.stdout, (line) => {
    if (!isReadyLine(line)) return log.info('maestro', { line })
    clearTimeout(notReady)
    onReady()
  })
  readLines(child.stderr, (line) => {
    // Its sentence is what counts; what follows it is for the log.
    const sentence = /^maestro: (.*)$/.exec(line)?.[1]
    if (sentence !== undefined) lastWords = sentence
    log.info('maestro', { line })
  })
  // Writing is not meant to happen; an end of the pipe on its side is no news either.
  child.stdin.on('error', () => {})
  child.on('error', (error) =>
    resolve(new Failure('server.unreachable', `Maestro cannot be started: ${error.message}.`, { cause: error })),
  )
  child.on('close', (code, signal) => {
    clearTimeout(notReady)
    resolve(
      new Failure(
        'server.unreachable',
        lastWords || `Its own Maestro ended with ${signal ?? `code ${code}`}; see the log.`,
      ),
    )
  })
  return { ended, stop: () => stopChild(child, ended) }
}

async function stopChild(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  child.stdin?.end()
  const left = await Promise.race([ended.then(() => true), delay(limits.maestroStopMsMax, false, { ref: false })])
  if (left) return
  child.kill('SIGKILL')
  await ended
}

/** Whole lines, cut where they are too long. */
function readLines(stream: Readable, take: (line: string) => void): void {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = (lines.pop() ?? '').slice(0, limits.maestroLineCharactersMax)
    for (const line of lines) if (line.trim() !== '') take(line.slice(0, limits.maestroLineCharactersMax))
  })
  stream.on('end', () => {
    if (rest.trim() !== '') take(rest)
  })
}

function isReadyLine(line: string): boolean {
  if (!line.startsWith('{')) return false
  try {
    const content: unknown = JSON.parse(line)
    return typeof content === 'object' && content !== null && 'ready' in content && content.ready === true
  } catch {
    return false
  }
}

function definedOnly(environment: Environment): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined))
}
