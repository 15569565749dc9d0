/** A line of a unified diff, with its number in the file: the old one of what was removed, else the new one. */
export type DiffLine = {
  kind: 'added' | 'removed' | 'same' | 'hunk' | 'note'
  number: number | undefined
  text: string
}

/** The lines of a unified diff without its file headers; numbers are known from the first hunk header on. */
export function toDiffLines(diff: string): DiffLine[] {
  const lines = diff.split('\n')
  if (lines.at(-1) === '') lines.pop()
  // Counting from NaN stays NaN: without a hunk header there are no numbers.
  const next = { old: NaN, now: NaN }
  return lines
    .filter((line, index) => !isHeader(line, index))
    .map((line) => {
      const [hunk, old, now, text = ''] = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@ ?(.*)$/.exec(line) ?? []
      if (hunk === undefined) return toDiffLine(line, next)
      Object.assign(next, { old: Number(old), now: Number(now) })
      return { kind: 'hunk', number: undefined, text }
    })
}

function toDiffLine(line: string, next: { old: number; now: number }): DiffLine {
  const kind = kinds[line.charAt(0)]
  if (!kind) return { kind: 'note', number: undefined, text: line }
  const number = kind === 'removed' ? next.old : next.now
  if (kind !== 'added') next.old += 1
  if (kind !== 'removed') next.now += 1
  return { kind, number: Number.isNaN(number) ? undefined : number, text: line.slice(1) }
}

const kinds: Readonly<Record<string, DiffLine['kind']>> = { '+': 'added', '-': 'removed', ' ': 'same' }

function isHeader(line: string, index: number): boolean {
  return index < 4 && (/^(---|\+\+\+) /.test(line) || /^(diff|index|Index:|===)/.test(line))
}
