import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Test } from 'tap'
import { programPath } from './system.ts'
import type { System } from './system.ts'

/** A `codegen` that runs, and what it has printed so far. */
export type Started = {
  readonly child: ChildProcess
  /** Resolves when what was printed matches, on whichever stream; fails when it ends without. */
  saw(pattern: RegExp): Promise<void>
  /** Everything printed so far. */
  printed(): string
  type(keys: string): void
  readonly ended: Promise<number | null>
}

/** Starts `codegen` on a pseudo terminal of its own, as a person would. It ends with the test. */
export function startOnTerminal(t: Pick<Test, 'teardown'>, system: System, words: readonly string[]): Started {
  const main = programPath('cli', 'src', 'main.ts')
  const line = [process.execPath, '--conditions=codegen-source', main, ...words].map(quote).join(' ')
  const command = `stty cols 100 rows 30; exec ${line}`
  const env = { ...system.env, TERM: 'xterm' }
  const options = ['--quiet', '--return', '--flush', '--command', command, '/dev/null']
  return watchStarted(t, spawn('script', options, { cwd: system.project, env }))
}

/** Follows a process that was started with pipes. It ends with the test. */
export function watchStarted(t: Pick<Test, 'teardown'>, child: ChildProcess): Started {
  let printed = ''
  t.teardown(() => child.kill('SIGKILL'))
  const watchers = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      printed += text
      for (const watcher of watchers) watcher()
    })
  }
  child.stdin?.on('error', () => undefined)
  const ended = once(child, 'close').then(([code]) => (typeof code === 'number' ? code : null))
  async function saw(pattern: RegExp): Promise<void> {
    const early = ended.then(() => {
      if (!pattern.test(printed)) throw new Error(`codegen ended without ${pattern}: ${printed}`)
    })
    early.catch(() => undefined)
    while (!pattern.test(printed)) {
      const next = Promise.withResolvers<void>()
      watchers.add(next.resolve)
      await Promise.race([next.promise, early])
      watchers.delete(next.resolve)
    }
  }
  return { child, saw, printed: () => printed, type: (keys) => void child.stdin?.write(keys), ended }
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}
