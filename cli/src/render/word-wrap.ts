import { limits } from '#limits'
import { createBrokenLine } from './broken-line.ts'
import type { Margin, Piece } from './broken-line.ts'
import type { Paint } from './colours.ts'
import { columnsOf } from './columns.ts'

/** Breaks text between words as it comes. All functions return what can be shown now. */
export type WordWrap = {
  startLine(margin: Margin): string
  add(text: string, paint: Paint): string
  /** What was waiting for the end of its word. */
  flush(): string
}

/** `room` tells how long a line may be. */
export function createWordWrap(room: () => number): WordWrap {
  const line = createBrokenLine()
  let gap = ''
  let isInWord = false
  /** What of a word may yet have to move to the next line; empty once the word has begun to be shown. */
  let held: Piece[] = []
  let heldColumns = 0

  function breakLine(): string {
    gap = ''
    return line.break()
  }

  function showHeld(): string {
    const shown = line.showGap(gap) + held.map(line.show).join('')
    gap = ''
    held = []
    heldColumns = 0
    return shown
  }

  function addToWord(piece: Piece): string {
    if (isInWord && held.length === 0) return line.show(piece)
    isInWord = true
    held.push(piece)
    heldColumns += columnsOf(piece.text)
    const left = line.left() - gap.length
    if (line.isFresh() || Math.max(heldColumns, limits.wordColumnsReserved) <= left) return showHeld()
    return heldColumns > left ? breakLine() + showHeld() : ''
  }

  function flush(): string {
    isInWord = false
    return held.length > 0 ? showHeld() : ''
  }

  return {
    flush,
    startLine(margin) {
      gap = ''
      line.start(margin, room())
      return margin.first
    },
    add(text, paint) {
      let shown = ''
      for (const [part] of text.matchAll(/[ \t]{1,200}|[^ \t]{1,200}/gu)) {
        if (/^[ \t]/.test(part)) {
          shown += flush()
          gap += part.replaceAll('\t', '    ')
        } else shown += addToWord({ text: part, paint })
      }
      return shown
    },
  }
}
