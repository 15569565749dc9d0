import { limits } from '#limits'
import { createCodeBlock } from './code-block.ts'
import type { CodeBlock } from './code-block.ts'
import type { Colours } from './colours.ts'
import { lineKind } from './line-kind.ts'
import { renderMarkdownTable } from './markdown-table.ts'
import { createProseLine } from './prose-line.ts'
import type { ProseLine } from './prose-line.ts'

/** Markdown for a terminal, as it comes. Both functions return what can be shown now. */
export type Markdown = {
  push(piece: string): string
  /** Nothing follows: what was held is shown, and the next piece begins anew. */
  end(): string
}

type Place =
  | { kind: 'beginning'; held: string; quotes: number }
  | { kind: 'text' }
  | { kind: 'row'; held: string }
  | { kind: 'code'; block: CodeBlock }

const beginning: Place = { kind: 'beginning', held: '', quotes: 0 }

/**
 * Shows each line as it grows and never goes back over one. Held are only: the marks a line begins with, what a mark has opened until it is
 * closed, a word that may not fit, a table. No text is lost but marks that were understood; colours are all it adds beside spaces and lines.
 */
export function createMarkdown(colours: Colours, columns: () => number): Markdown {
  const room = (): number =>
    columns() < limits.proseColumnsMin ? Infinity : Math.min(columns() - 1, limits.proseColumnsMax)
  const line = createProseLine(colours, room)
  const lines = createLines({ colours, room, line })

  return {
    push(piece) {
      let shown = ''
      let from = 0
      for (let end = piece.indexOf('\n'); end !== -1; end = piece.indexOf('\n', from)) {
        shown += lines.end(piece.slice(from, end))
        from = end + 1
      }
      return from < piece.length ? shown + lines.add(piece.slice(from), false) : shown
    },
    end: lines.close,
  }
}

type Parts = { colours: Colours; room: () => number; line: ProseLine }
type Lines = {
  add(piece: string, isWhole: boolean): string
  /** The last piece of a line, and its end. */
  end(piece: string): string
  close(): string
}

function createLines({ colours, room, line }: Parts): Lines {
  const rows = createRows({ colours, room, line })
  let place: Place = beginning

  function add(piece: string, isWhole: boolean): string {
    switch (place.kind) {
      case 'beginning':
        return begin(place.held + piece, place.quotes, isWhole)
      case 'text':
        return line.add(piece, isWhole)
      case 'row':
        return addToRow(place.held + piece, isWhole)
      case 'code': {
        const { shown, isOver } = place.block.add(piece, isWhole)
        if (isOver) place = beginning
        return isOver ? colours.dim(shown) : shown
      }
    }
  }

  function begin(text: string, quotes: number, isWhole: boolean): string {
    const found = lineKind(text, isWhole)
    place = { kind: 'beginning', held: text, quotes }
    if (found.kind === 'undecided') return ''
    if (found.kind === 'row' && quotes === 0) return addToRow(text, isWhole)
    const table = rows.take()
    if (found.kind === 'quote' && quotes < limits.quoteDepthMax) return table + begin(found.rest, quotes + 1, isWhole)
    place = found.kind === 'fence' ? { kind: 'code', block: createCodeBlock(found.fence) } : { kind: 'text' }
    return table + (found.kind === 'fence' ? colours.dim(text) : line.begin({ found, line: text, quotes, isWhole }))
  }

  function addToRow(row: string, isWhole: boolean): string {
    const isTaken = rows.hasRoomFor(row)
    place = isTaken ? { kind: 'row', held: row } : { kind: 'text' }
    if (!isTaken) return rows.take() + line.begin({ found: asText, line: row, quotes: 0, isWhole })
    if (isWhole) rows.add(row)
    return ''
  }

  return {
    add,
    end(piece) {
      const shown = add(piece, true)
      const isGathered = place.kind === 'row'
      if (place.kind !== 'code') place = beginning
      return isGathered ? '' : `${shown}\n`
    },
    close() {
      const isEmpty = place.kind === 'beginning' && place.held === '' && place.quotes === 0
      const shown = isEmpty ? '' : add('', true)
      place = beginning
      return shown + rows.take()
    },
  }
}

const asText = { kind: 'text', indent: '', rest: '' } as const

type Rows = { hasRoomFor(row: string): boolean; add(row: string): void; take(): string }

/** The rows of the table that is being written. */
function createRows({ colours, room, line }: Parts): Rows {
  let rows: string[] = []
  return {
    hasRoomFor: (row) => row.length <= limits.tableRowCharactersMax && rows.length < limits.tableRowsMax,
    add: (row) => void rows.push(row),
    take() {
      if (rows.length === 0) return ''
      const taken = rows
      rows = []
      const table = renderMarkdownTable(taken, colours, room())
      if (table !== undefined) return table
      return taken.map((row) => `${line.begin({ found: asText, line: row, quotes: 0, isWhole: true })}\n`).join('')
    },
  }
}
