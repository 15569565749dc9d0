import { collapseOverwrites } from '@codegen/kit/strip-controls'
import { limits } from '#limits'
import { wholeCharacter } from './whole-character.ts'

type Stream = 'stdout' | 'stderr'

/** Output on its way to whoever watches: gathered into few pieces, thinned out when it is more than anyone can read. */
export type LiveOutput = {
  push(text: string, stream: Stream): void
  /** Whether a piece of output would be shown. */
  hasRoom(): boolean
  /** Says that so many bytes were printed and will not be pushed. */
  skip(bytes: number): void
  /** Shows what is gathered and says what was left out. The last call. */
  finish(): void
}

/**
 * Calls `show` every `liveOutputMs` at most, in order, with pieces of at most `liveChunkCharactersMax` characters. Beyond a burst and a rate output is
 * left out and a line in square brackets says how much. Progress lines are shown once in each interval.
 */
export function createLiveOutput(show: (chunk: string, stream: Stream) => void): LiveOutput {
  const allowance = createAllowance()
  const settle = { stdout: createSettle(), stderr: createSettle() }
  let gathered: { text: string; stream: Stream }[] = []
  let timer: NodeJS.Timeout | undefined
  let skipped = 0

  function flush(): void {
    timer = undefined
    const pieces = gathered
    gathered = []
    for (const { text, stream } of pieces) {
      for (const chunk of toChunks(settle[stream](text))) show(chunk, stream)
    }
  }

  function saySkipped(stream: Stream): void {
    if (skipped > 0) gathered.push({ text: `\n[${skipped} bytes not shown here]\n`, stream })
    skipped = 0
  }

  return {
    push(text, stream) {
      if (!allowance.take(text.length)) {
        skipped += Buffer.byteLength(text)
        return
      }
      saySkipped(stream)
      timer ??= setTimeout(flush, limits.liveOutputMs)
      const last = gathered.at(-1)
      if (last?.stream === stream) last.text += text
      else gathered.push({ text, stream })
    },
    hasRoom: () => allowance.isOpen(),
    skip(bytes) {
      skipped += bytes
    },
    finish() {
      clearTimeout(timer)
      saySkipped('stdout')
      flush()
    },
  }
}

type Allowance = { isOpen(): boolean; take(characters: number): boolean }

/** A bucket that fills with time. Once it was too empty it stays shut until it is worth opening again. */
function createAllowance(): Allowance {
  let available: number = limits.liveBurstCharactersMax
  let filledAt = performance.now()
  let isShut = false

  function isOpen(): boolean {
    const now = performance.now()
    const gained = ((now - filledAt) / 1_000) * limits.liveCharactersPerSecondMax
    available = Math.min(limits.liveBurstCharactersMax, available + gained)
    filledAt = now
    if (available >= limits.liveResumeCharacters) isShut = false
    return !isShut
  }

  return {
    isOpen,
    take(characters) {
      if (!isOpen() || characters > available) {
        isShut = true
        return false
      }
      available -= characters
      return true
    },
  }
}

/** What was shown cannot be taken back: a line that is overwritten later goes on as a line of its own. */
function createSettle(): (text: string) => string {
  let isLineOpen = false
  let held = ''
  return (text) => {
    const joined = held + text
    const settled = collapseOverwrites(joined)
    held = settled.endsWith('\r') ? '\r' : ''
    const shown = held ? settled.slice(0, -1) : settled
    if (shown === '') return ''
    const isOverwritten = isLineOpen && overwritesFirstLine(joined)
    isLineOpen = !shown.endsWith('\n')
    return isOverwritten ? `\n${shown}` : shown
  }
}

/** Whether something follows a carriage return before the first line ends. */
function overwritesFirstLine(text: string): boolean {
  const lineEnd = text.indexOf('\n')
  const parts = (lineEnd < 0 ? text : text.slice(0, lineEnd)).split('\r')
  return parts.slice(1).some((part) => part !== '')
}

function* toChunks(text: string): Generator<string> {
  let start = 0
  while (start < text.length) {
    const end = wholeCharacter(text, start + limits.liveChunkCharactersMax, 'before')
    yield text.slice(start, end)
    start = end
  }
}
