import { limits } from '#limits'
import { colours, noColours } from './colours.ts'
import type { Colours } from './colours.ts'
import { stripControls } from './strip-controls.ts'

/**
 * Where codegen writes. What is printed is gathered and leaves in one piece with `flush`; lines of our own go to standard error. Everything
 * printed must be free of foreign control characters before it comes here.
 */
export type Terminal = {
  readonly colours: Colours
  print(text: string): void
  /** Begins a new line unless one is empty. */
  startLine(): void
  /** A line at the bottom that the next output replaces; only on a terminal. */
  status(line: string): void
  /** One sentence of codegen's own, on standard error; what others put into it is made harmless. */
  note(sentence: string): void
  flush(): void
  /** Keeps output back while something else is on the screen. */
  hold(): void
  release(): void
  /** A line of a question, on standard error, also while output is held. */
  ask(text: string): void
}

export type TerminalStreams = {
  /** Asked for at the first use: opening a stream takes a moment that the first request should not wait for. */
  stdout(): { isTTY?: boolean; columns?: number; write(text: string): unknown }
  stderr(): { isTTY?: boolean; write(text: string): unknown }
  environment: Readonly<Record<string, string | undefined>>
}

const eraseLine = '\r\x1b[K'
const statusColumnsMin = 20

export function createTerminal({ stdout, stderr, environment }: TerminalStreams): Terminal {
  const isSmart = (): boolean => stdout().isTTY === true && environment['TERM'] !== 'dumb'
  let paint: Colours | undefined
  let pending = ''
  let isLineEmpty = true
  let isHeld = false
  let status = ''
  let isStatusShown = false

  function flush(): void {
    if (isHeld && pending.length <= limits.heldOutputCharactersMax) return
    const bar = !isHeld && isLineEmpty && status ? terminal.colours.dim(status) : ''
    if (!pending && Boolean(bar) === isStatusShown) return
    const erase = isStatusShown ? eraseLine : ''
    isStatusShown = bar !== ''
    const output = `${erase}${pending}${bar}`
    pending = ''
    stdout().write(output)
  }

  function clearStatus(): void {
    if (isStatusShown) stdout().write(eraseLine)
    isStatusShown = false
  }

  const terminal: Terminal = {
    get colours() {
      paint ??= isSmart() && !environment['NO_COLOR'] ? colours : noColours
      return paint
    },
    print(text) {
      if (!text) return
      pending += text
      isLineEmpty = text.endsWith('\n')
    },
    startLine() {
      if (!isLineEmpty) terminal.print('\n')
    },
    status(line) {
      const columns = stdout().columns ?? 0
      const next = isSmart() && columns >= statusColumnsMin ? line.slice(0, columns - 1) : ''
      if (next === status) return
      if (isStatusShown && !isHeld) clearStatus()
      status = next
    },
    note(sentence) {
      if (stdout().isTTY && !isHeld) terminal.startLine()
      flush()
      clearStatus()
      stderr().write(`codegen: ${stripControls(sentence).replaceAll('\n', ' ')}\n`)
    },
    flush,
    hold() {
      if (stdout().isTTY) terminal.startLine()
      flush()
      clearStatus()
      isHeld = true
    },
    release() {
      isHeld = false
      flush()
    },
    ask: (text) => void stderr().write(text),
  }
  return terminal
}
