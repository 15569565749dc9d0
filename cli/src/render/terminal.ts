import { limits } from '#limits'
import { columnsOf, cutToColumns } from './columns.ts'
import { colours, noColours } from './colours.ts'
import type { Colours } from './colours.ts'
import type { Screen } from './screen.ts'
import { stripControls } from './strip-controls.ts'

/**
 * Where codegen writes. What is printed is gathered and leaves in one piece with `flush`; lines of our own go to standard error. Everything
 * printed must be free of foreign control characters before it comes here.
 */
export type Terminal = {
  readonly colours: Colours
  /** How wide it is now; 0 where nobody knows. */
  readonly columns: number
  /** Whether a status line can be shown here. */
  hasStatus(): boolean
  print(text: string): void
  /** Begins a new line unless one is empty. */
  startLine(): void
  /** A line at the bottom that gives way to output, shown with the next `flush`; only on a terminal, and never wider. */
  status(line: string): void
  /** One sentence of codegen's own, on standard error; what others put into it is made harmless. */
  note(sentence: string): void
  flush(): void
  /** Keeps output back while something else is on the screen. */
  hold(): void
  release(): void
  /** What questions are drawn for: standard error, which may be a terminal where standard output is none. */
  questionScreen(): Screen
  /** A line of a question, on standard error, also while output is held. */
  ask(text: string): void
}

export type TerminalStreams = {
  /** Asked for at the first use: opening a stream takes a moment that the first request should not wait for. */
  stdout(): { isTTY?: boolean; columns?: number; write(text: string): unknown }
  stderr(): { isTTY?: boolean; columns?: number; write(text: string): unknown }
  environment: Readonly<Record<string, string | undefined>>
}

export function createTerminal(streams: TerminalStreams): Terminal {
  const { stdout, stderr } = streams
  const look = createLook(streams)
  const gathered = createGathered()
  let isHeld = false
  let status = ''
  let drawn = ''

  function flush(): void {
    if (isHeld && gathered.size() <= limits.heldOutputCharactersMax) return
    draw(!isHeld && gathered.isLineEmpty() ? look.fit(status) : '')
  }

  /** What was gathered takes the place of the status line, and the new one stands below it. */
  function draw(bar: string): void {
    if (gathered.size() === 0 && bar === drawn) return
    const output = `${look.erase(drawn)}${gathered.take()}${bar && look.colours.dim(bar)}`
    drawn = bar
    stdout().write(output)
  }

  /** Makes room on the screen for something that is not output. */
  function giveWay(): void {
    if (isHeld) return flush()
    if (stdout().isTTY) gathered.startLine()
    draw('')
  }

  return {
    get colours() {
      return look.colours
    },
    get columns() {
      return stdout().columns ?? 0
    },
    hasStatus: look.hasStatus,
    print: gathered.print,
    startLine: gathered.startLine,
    status(line) {
      status = line
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
    questionScreen: look.questionScreen,
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

type Look = {
  readonly colours: Colours
  questionScreen(): Screen
  hasStatus(): boolean
  fit(line: string): string
  erase(drawn: string): string
}

/** What this terminal can show: colours where they are wanted, a line that changes where it has room. */
function createLook({ stdout, stderr, environment }: TerminalStreams): Look {
  const isSmart = (): boolean => stdout().isTTY === true && environment['TERM'] !== 'dumb'
  const columnsNow = (): number => stdout().columns ?? 0
  const hasStatus = (): boolean => isSmart() && columnsNow() >= statusColumnsMin
  let chosen: Colours | undefined

  function chooseColours(): Colours {
    chosen ??= isSmart() && !environment['NO_COLOR'] ? colours : noColours
    return chosen
  }

  return {
    hasStatus,
    get colours() {
      return chooseColours()
    },
    questionScreen: () => ({ colours: chooseColours(), columns: stderr().columns ?? 0 }),
    fit: (line) => (line && hasStatus() ? cutToColumns(line, columnsNow() - 1) : ''),
    erase(drawn) {
      if (!drawn) return ''
      // A terminal that has become narrower since has broken the line into several.
      const rows = Math.ceil(columnsOf(drawn) / Math.max(1, columnsNow()))
      return rows > 1 ? `\x1b[${rows - 1}A\r\x1b[J` : eraseLine
    },
  }
}
