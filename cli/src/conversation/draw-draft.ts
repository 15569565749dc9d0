import { columnsOf } from '#render/columns'
import { countOf } from '#render/numbers'
import { makeVisible } from '#render/visible'
import type { Cell, Draft } from './draft.ts'

export type DrawnDraft = {
  /** As many rows of the screen as it takes, none wider than the screen, none with anything a terminal obeys. */
  readonly rows: readonly string[]
  readonly cursor: { readonly row: number; readonly column: number }
}

export type Room = {
  /** What stands before the first row; the others are moved in by as much. */
  readonly prompt: string
  readonly columns: number
  /** Of a draft that needs more only those around the cursor are shown. */
  readonly rowsMax: number
}

/** Lays a draft out on a screen. */
export function drawDraft({ cells, cursor }: Draft, { prompt, columns, rowsMax }: Room): DrawnDraft {
  const width = Math.max(columns - 1, prompt.length + widestCell)
  const indent = ' '.repeat(prompt.length)
  const rows: string[] = []
  let row = prompt
  let column = prompt.length
  let place = { row: 0, column }

  function nextRow(): void {
    rows.push(row)
    row = indent
    column = prompt.length
  }

  for (const [index, cell] of cells.entries()) {
    for (const piece of toPieces(cell)) {
      const pieceWidth = columnsOf(piece)
      if (column + pieceWidth > width) nextRow()
      if (index === cursor && piece === toPieces(cell)[0]) place = { row: rows.length, column }
      row += piece
      column += pieceWidth
    }
    if (cell !== '\n') continue
    if (index === cursor) place = { row: rows.length, column }
    nextRow()
  }
  if (cursor === cells.length) place = { row: rows.length, column }
  rows.push(row)
  const first = Math.max(0, Math.min(place.row - Math.floor(rowsMax / 2), rows.length - rowsMax))
  return {
    rows: rows.slice(first, first + rowsMax),
    cursor: { row: place.row - first, column: place.column },
  }
}

/** A cell that is drawn is never wider: this is what must fit behind the prompt. */
const widestCell = 2

/** The end of the draft on one line, for where there is no more room. */
export function drawDraftEnd({ cells }: Draft, columns: number): string {
  let line = ''
  let width = 0
  for (const cell of cells.toReversed()) {
    const shown = cell === '\n' ? '⏎' : toPieces(cell).join('')
    width += columnsOf(shown)
    if (width > columns) return `…${line}`
    line = shown + line
  }
  return line
}

/** What of a cell must not be torn apart at the end of a row. */
function toPieces(cell: Cell): string[] {
  if (typeof cell !== 'string') return [...`[pasted ${sizeOf(cell.pasted)}]`]
  if (cell === '\n') return []
  if (cell === '\t') return [' ', ' ']
  if (/^\p{RGI_Emoji}$/v.test(cell)) return [cell]
  const visible = makeVisible(cell)
  return visible === cell ? [cell] : [...visible]
}

function sizeOf(pasted: string): string {
  const lines = pasted.replace(/\n$/, '').split('\n').length
  return lines > 1 ? countOf(lines, 'line') : countOf(pasted.length, 'character')
}
