/** A message as it is being written. It is a value: every change makes a new one. */
export type Draft = {
  readonly cells: readonly Cell[]
  /** Before which cell the next one goes: 0 to their number. */
  readonly cursor: number
  /** What was cut last, to be put in again. */
  readonly cut: readonly Cell[]
}

/** What the cursor passes in one step: a character as a person sees it, a newline, or a long text that was pasted. */
export type Cell = string | Pasted
export type Pasted = { readonly pasted: string }

/** Where the cursor may be sent. */
export type Motion = 'left' | 'right' | 'word-left' | 'word-right' | 'line-start' | 'line-end' | 'line-up' | 'line-down'

export const emptyDraft: Draft = { cells: [], cursor: 0, cut: [] }

/** The message it stands for: pasted texts are whole. */
export function toText({ cells }: Draft): string {
  return cells.map((cell) => (typeof cell === 'string' ? cell : cell.pasted)).join('')
}

/** A draft of this text, the cursor behind it; one that is too long to be worked on is a single cell. */
export function toDraft(text: string, cut: readonly Cell[] = []): Draft {
  const isLong = text.length > pastedCharactersMin || text.split('\n').length > recalledLinesMin
  const cells = isLong ? [{ pasted: text }] : toCells(text)
  return { cells, cursor: cells.length, cut }
}

/** Puts typed text in; what no message may hold is left out. */
export function insertText(draft: Draft, text: string): Draft {
  const { cells, cursor } = draft
  const before = cells[cursor - 1]
  // An accent that is typed after its letter becomes one character with it.
  const joins = typeof before === 'string' && before !== '\n'
  const cleared = withoutControls(text)
  if (cleared === '') return draft
  return replace(draft, joins ? cursor - 1 : cursor, { until: cursor, by: toCells(joins ? before + cleared : cleared) })
}

/** Puts a pasted text in: a short one as if it were typed, a long one as a single cell. */
export function insertPaste(draft: Draft, text: string): Draft {
  const cleared = withoutControls(text.replaceAll(/\r\n?/g, '\n'))
  const isShort = cleared.length <= pastedCharactersMin && cleared.split('\n').length <= pastedLinesMin
  return isShort ? insertText(draft, cleared) : insertCells(draft, [{ pasted: cleared }])
}

const pastedLinesMin = 8
/** What was written by hand is worked on again; more lines than that were pasted. */
const recalledLinesMin = 20
const pastedCharactersMin = 2_000

export function move(draft: Draft, motion: Motion): Draft {
  return { ...draft, cursor: target(draft, motion) ?? draft.cursor }
}

/** Whether there is a line above or below the cursor's. */
export function canMove(draft: Draft, motion: 'line-up' | 'line-down'): boolean {
  return target(draft, motion) !== undefined
}

/** Takes out what lies between the cursor and where the motion leads; of more than one character it can be put in again. */
export function erase(draft: Draft, motion: Motion): Draft {
  const { cells, cursor } = draft
  const end = target(draft, motion) ?? cursor
  const [from, until] = end < cursor ? [end, cursor] : [cursor, end]
  const cut = motion === 'left' || motion === 'right' ? draft.cut : cells.slice(from, until)
  return { ...replace(draft, from, { until, by: [] }), cut }
}

/** Puts in again what was cut last. */
export function putBack(draft: Draft): Draft {
  return insertCells(draft, draft.cut)
}

function insertCells(draft: Draft, by: readonly Cell[]): Draft {
  return replace(draft, draft.cursor, { until: draft.cursor, by })
}

function replace({ cells, cut }: Draft, from: number, { until, by }: { until: number; by: readonly Cell[] }): Draft {
  return { cells: [...cells.slice(0, from), ...by, ...cells.slice(until)], cursor: from + by.length, cut }
}

function target({ cells, cursor }: Draft, motion: Motion): number | undefined {
  switch (motion) {
    case 'left':
      return Math.max(0, cursor - 1)
    case 'right':
      return Math.min(cells.length, cursor + 1)
    case 'word-left': {
      let at = cursor
      while (at > 0 && !isWord(cells[at - 1])) at -= 1
      while (at > 0 && isWord(cells[at - 1])) at -= 1
      return at === cursor ? Math.max(0, cursor - 1) : at
    }
    case 'word-right': {
      let at = cursor
      while (at < cells.length && !isWord(cells[at])) at += 1
      while (at < cells.length && isWord(cells[at])) at += 1
      return at
    }
    case 'line-start':
      return startOfLine(cells, cursor)
    case 'line-end':
      return endOfLine(cells, cursor)
    case 'line-up': {
      const start = startOfLine(cells, cursor)
      if (start === 0) return undefined
      return Math.min(start - 1, startOfLine(cells, start - 1) + cursor - start)
    }
    case 'line-down': {
      const end = endOfLine(cells, cursor)
      if (end === cells.length) return undefined
      return Math.min(endOfLine(cells, end + 1), end + 1 + cursor - startOfLine(cells, cursor))
    }
  }
}

function isWord(cell: Cell | undefined): boolean {
  return typeof cell === 'string' && /[\p{L}\p{N}_]/u.test(cell)
}

function startOfLine(cells: readonly Cell[], cursor: number): number {
  return cursor === 0 ? 0 : cells.lastIndexOf('\n', cursor - 1) + 1
}

function endOfLine(cells: readonly Cell[], cursor: number): number {
  const end = cells.indexOf('\n', cursor)
  return end === -1 ? cells.length : end
}

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

function toCells(text: string): string[] {
  return Array.from(segmenter.segment(text), ({ segment }) => segment)
}

// oxlint-disable-next-line no-control-regex -- these are what is left out
const controls = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g

/** Also halves of characters: they could not be sent. */
function withoutControls(text: string): string {
  return text.replaceAll(controls, '').toWellFormed()
}
