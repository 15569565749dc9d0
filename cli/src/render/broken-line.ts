import type { Paint } from './colours.ts'
import { columnsOf, takeColumns } from './columns.ts'

export type Piece = { text: string; paint: Paint }

/** `rest` begins the lines a line is broken into. Margins are painted already and `columns` wide. */
export type Margin = { first: string; rest: string; columns: number }

/** The line that is being written; it knows how much room is left. */
export type BrokenLine = {
  start(margin: Margin, columnsMax: number): void
  /** Columns left for a text. */
  left(): number
  /** Nothing stands on it yet but its margin. */
  isFresh(): boolean
  break(): string
  /** Spaces, where there is room for them. */
  showGap(gap: string): string
  /** What is longer than a line is cut where the line ends. Each part is painted by itself, so no colour runs on into a margin. */
  show(piece: Piece): string
}

export function createBrokenLine(): BrokenLine {
  let columnsMax = Infinity
  let margin: Margin = { first: '', rest: '', columns: 0 }
  let column = 0

  const left = (): number => Math.max(0, columnsMax - column)
  const isFresh = (): boolean => column <= margin.columns

  function breakLine(): string {
    column = margin.columns
    return `\n${margin.rest}`
  }

  return {
    left,
    isFresh,
    break: breakLine,
    start(next, columns) {
      columnsMax = columns
      margin = next
      column = margin.columns
    },
    showGap(gap) {
      if (gap.length >= left()) return ''
      column += gap.length
      return gap
    },
    show({ text, paint }) {
      let shown = ''
      for (let rest = text; rest;) {
        const columns = columnsOf(rest)
        if (columns <= left()) {
          column += columns
          return shown + paint(rest)
        }
        const taken = takeColumns(rest, left()) || (isFresh() ? firstCharacter(rest) : '')
        if (taken) shown += paint(taken)
        rest = rest.slice(taken.length)
        shown += breakLine()
      }
      return shown
    },
  }
}

function firstCharacter(text: string): string {
  return String.fromCodePoint(text.codePointAt(0) ?? 0)
}
