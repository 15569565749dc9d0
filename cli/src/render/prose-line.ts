import { limits } from '#limits'
import { plain } from './colours.ts'
import type { Colours, Paint } from './colours.ts'
import type { LineKind } from './line-kind.ts'
import { toSpans } from './markdown-spans.ts'
import { createWordWrap } from './word-wrap.ts'

/** A line of prose as it grows. All functions return what can be shown now. */
export type ProseLine = {
  /** What the line is and as much of it as has come, behind so many quotation marks. */
  begin(line: { found: LineKind; line: string; quotes: number; isWhole: boolean }): string
  add(piece: string, isWhole: boolean): string
}

export function createProseLine(colours: Colours, room: () => number): ProseLine {
  const wrap = createWordWrap(room)
  let held = ''
  let before = ''
  let paint: Paint = plain

  function add(piece: string, isWhole: boolean): string {
    const text = held + piece
    const { spans, rest } = toSpans(text, { colours, paint, before, isWhole })
    before = text.charAt(text.length - rest.length - 1) || before
    held = rest
    const shown = spans.map((span) => wrap.add(span.text, span.paint)).join('')
    return isWhole ? shown + wrap.flush() : shown
  }

  return {
    add,
    begin({ found, line, quotes, isWhole }) {
      held = ''
      before = ''
      paint = found.kind === 'heading' ? colours.bold : plain
      const ruleColumns = Math.max(1, Math.min(limits.ruleColumns, room() - quotes * 2))
      const { first, rest, text } = toMargin(found, line, { colours, ruleColumns })
      const bars = colours.dim('│ ').repeat(quotes)
      const margin = { first: bars + first, rest: bars + rest, columns: quotes * 2 + rest.length }
      // A margin that leaves no room is no margin.
      const isFit = margin.columns * 2 <= room()
      return wrap.startLine(isFit ? margin : { ...margin, rest: '', columns: 0 }) + add(text, isWhole)
    },
  }
}

/** What stands before a line, before those it is broken into, and its text. */
function toMargin(
  found: LineKind,
  line: string,
  { colours, ruleColumns }: { colours: Colours; ruleColumns: number },
): { first: string; rest: string; text: string } {
  switch (found.kind) {
    case 'heading':
      return { first: '', rest: '', text: found.rest }
    case 'item': {
      const indent = found.indent.replaceAll('\t', '    ')
      const bullet = /\d/.test(found.bullet) ? found.bullet : '•'
      return { first: `${indent}${bullet} `, rest: ' '.repeat(indent.length + bullet.length + 1), text: found.rest }
    }
    case 'rule':
      return { first: colours.dim('─'.repeat(ruleColumns)), rest: '', text: '' }
    case 'text': {
      const indent = found.rest ? found.indent.replaceAll('\t', '    ') : ''
      return { first: indent, rest: indent, text: found.rest || line }
    }
    default:
      return { first: '', rest: '', text: line }
  }
}
