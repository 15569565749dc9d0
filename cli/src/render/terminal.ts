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

export function createTerminal(streams: TerminalStreams): Terminal {
  const { stdout, stderr } = streams
  const look = createLook(streams)
  const gathered = createGathered()
  let isHeld = false
  let status = ''
  let isStatusShown = false

  function flush(): void {
    if (isHeld && gathered.size() <= limits.heldOutputCharactersMax) return
    const bar = !isHeld && gathered.isLineEmpty() && status ? look.colours.dim(status) : ''
    if (gathered.size() === 0 && Boolean(bar) === isStatusShown) return
    const output = `${isStatusShown ? eraseLine : ''}${gathered.take()}${bar}`
    isStatusShown = bar !== ''
    stdout().write(output)
  }

  /** Makes room on the screen for something that is not output. */
  function giveWay(): void {
    if (stdout().isTTY && !isHeld) gathered.startLine()
    flush()
    if (isStatusShown) stdout().write(eraseLine)
    isStatusShown = false
  }

  return {
    get colours() {
      return look.colours
    },
    print: gathered.print,
    startLine: gathered.startLine,
    status(line) {
      const next = look.fit(line)
      if (next === status) return
      status = next
      if (isStatusShown) giveWay()
    },
    note(sentence) {
      giveWay()
      stderr().write(`codegen: ${stripControls(sentence).replaceAll('\n', ' ')}\n`)
    },
    flush,
    hold() {
      giveWay()
      isHeld = true
    },
    release() {
      isHeld = false
      flush()
    },
    ask: (text) => stderr().write(text),
  }
}

/** Output on its way to the screen; knows whether the next one begins a line. */
function createGathered() {
  let pending = ''
  let isLineEmpty = true

  function print(text: string): void {
    if (!text) return
    pending += text
    isLineEmpty = text.endsWith('\n')
  }

  return {
    print,
    startLine() {
      if (!isLineEmpty) print('\n')
    },
    take() {
      const taken = pending
      pending = ''
      return taken
    },
    size: () => pending.length,
    isLineEmpty: () => isLineEmpty,
  }
}

const eraseLine = '\r\x1b[K'
const statusColumnsMin = 20

/** What this terminal can show: colours where they are wanted, a line that changes where it has room. */
function createLook({ stdout, environment }: TerminalStreams): { colours: Colours; fit(line: string): string } {
  const isSmart = (): boolean => stdout().isTTY === true && environment['TERM'] !== 'dumb'
  let chosen: Colours | undefined
  return {
    get colours() {
      chosen ??= isSmart() && !environment['NO_COLOR'] ? colours : noColours
      return chosen
    },
    fit(line) {
      const columns = stdout().columns ?? 0
      return isSmart() && columns >= statusColumnsMin ? line.slice(0, columns - 1) : ''
    },
  }
}
