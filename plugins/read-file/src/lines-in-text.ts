import { lineEndsOf } from '@codegen/kit'
import type { LineEnds } from '@codegen/kit'

/** A text as numbered lines without their ends. */
export type LinesInText = {
  readonly count: number
  readonly ends: LineEnds
  /** The last line has no end of its own. */
  readonly isOpen: boolean
  /** Lines from `first` (from 1), in order. */
  from(first: number): Generator<string>
}

/** Counts the lines of a text and finds any of them without cutting it all into pieces. */
export function linesInText(text: string): LinesInText {
  const isOpen = text !== '' && !text.endsWith('\n')
  let ended = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) ended++
  return {
    count: ended + (isOpen ? 1 : 0),
    ends: lineEndsOf(text),
    isOpen,
    from: (first) => linesFrom(text, first),
  }
}

function* linesFrom(text: string, first: number): Generator<string> {
  let start = 0
  for (let number = 1; start < text.length; number++) {
    const at = text.indexOf('\n', start)
    const end = at < 0 ? text.length : at
    if (number >= first) yield text.slice(start, text[end - 1] === '\r' && at >= 0 ? end - 1 : end)
    start = end + 1
  }
}
