import { spawn } from 'node:child_process'
import type { Test } from 'tap'
import { programPath } from './system.ts'
import type { System } from './system.ts'

/** codegen on a pseudo terminal of its own, as a person has it. */
export type PersonAtTerminal = {
  /** Everything that was on the screen so far, with what moves the cursor. */
  screen(): string
  type(keys: string): void
  /** Resolves when this is shown since something was typed last; fails with what is there instead. */
  saw(pattern: RegExp): Promise<void>
  readonly ended: Promise<number | null>
}

const sawMsMax = 60_000

/** `script` makes the terminal and passes the exit code on. */
export function openTerminal(
  t: Pick<Test, 'teardown'>,
  system: System,
  { words = [], cwd = system.project, columns = 80 }: { words?: string[]; cwd?: string; columns?: number } = {},
): PersonAtTerminal {
  const line = [process.execPath, '--conditions=codegen-source', programPath('cli', 'src', 'main.ts'), ...words]
  const quoted = line.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
  const command = `stty cols ${columns} rows 24; exec ${quoted}`
  const child = spawn('script', ['--quiet', '--return', '--flush', '--command', command, '/dev/null'], {
    cwd,
    env: { ...system.env, TERM: 'xterm', NO_COLOR: '1' },
  })
  t.teardown(() => child.kill('SIGKILL'))
  let screen = ''
  let typedAt = 0
  let shown = Promise.withResolvers<void>()
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text
    shown.resolve()
    shown = Promise.withResolvers()
  })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  return {
    screen: () => screen,
    type(keys) {
      typedAt = screen.length
      child.stdin.write(keys)
    },
    async saw(pattern) {
      const late = AbortSignal.timeout(sawMsMax)
      const end = Promise.race([
        ended,
        new Promise((resolve) => late.addEventListener('abort', resolve, { once: true })),
      ])
      let isOver = false
      while (!pattern.test(screen.slice(typedAt))) {
        if (isOver) throw new Error(`no ${pattern}: ${JSON.stringify(screen.slice(typedAt))}`)
        await Promise.race([shown.promise, end.then(() => (isOver = true))])
      }
    },
    ended,
  }
}
