import { Failure } from '@codegen/protocol/failure'
import { limits } from './limits.ts'

/** What a patch does to one file. */
export type PatchSection =
  | { readonly kind: 'add'; readonly path: string; readonly lines: readonly string[] }
  | { readonly kind: 'delete'; readonly path: string }
  | { readonly kind: 'update'; readonly path: string; readonly moveTo?: string; readonly hunks: readonly Hunk[] }

/** Lines that stand together, below the `headers` one after another, with what becomes of each. */
export type Hunk = {
  readonly headers: readonly string[]
  readonly lines: readonly HunkLine[]
  /** They are the last of the file. */
  readonly atEnd: boolean
}
export type HunkLine = { readonly kind: 'keep' | 'remove' | 'add'; readonly text: string }

/**
 * Reads a patch. Blank lines, a Markdown fence and a here-document around it are let pass; a patch without its end was cut off and is refused. Fails with
 * tool.bad_arguments, naming the line.
 */
export function parsePatch(patch: string): PatchSection[] {
  const reader = openPatch(patch)
  const sections: PatchSection[] = []
  while (reader.line() !== endMark) {
    if (reader.line() === '') reader.next()
    else sections.push(readSection(reader))
    if (sections.length > limits.filesMax) throw reader.refuse(`there are more than ${limits.filesMax} files`)
  }
  if (sections.length === 0) throw reader.refuse('it changes no file')
  return sections
}

const [beginMark, endMark, endOfFileMark] = ['*** Begin Patch', '*** End Patch', '*** End of File']
const sectionMark = /^\*\*\* (Add|Update|Delete) File: *(\S.*)$/
const moveMark = /^\*\*\* Move to: *(\S.*)$/
const wrapping = /^(```.*|(apply_patch )?<<-? *(['"]?)\w+\3|EOF)?$/

/** The lines between the marks, read one after another. */
type Reader = {
  /** The line it stands on, without blanks at its end; the text as it is comes from `raw`. */
  line(): string
  raw(): string
  next(): void
  refuse(why: string): Failure
}

function openPatch(patch: string): Reader {
  const lines = patch.split('\n').map((line) => line.replace(/\r$/, ''))
  const begin = lines.findIndex((line) => line.trim() === beginMark)
  if (begin < 0 || !lines.slice(0, begin).every((line) => wrapping.test(line.trim())))
    throw refused(1, `it has to begin with "${beginMark}"`)
  const end = lines.findLastIndex((line) => line.trim() === endMark)
  if (end < begin || !lines.slice(end + 1).every((line) => wrapping.test(line.trim())))
    throw refused(lines.length, `it has to end with "${endMark}"; without that it may be cut off`)
  let at = begin + 1
  return {
    line: () => (at >= end ? endMark : (lines[at] ?? '').trimEnd()),
    raw: () => (at >= end ? endMark : (lines[at] ?? '')),
    next: () => void at++,
    refuse: (why) => refused(at + 1, why),
  }
}

function refused(line: number, why: string): Failure {
  return new Failure('tool.bad_arguments', `Line ${line} of the patch: ${why}. Nothing was changed.`)
}

function readSection(reader: Reader): PatchSection {
  const [, kind, path = ''] = sectionMark.exec(reader.line()) ?? []
  if (kind === undefined) {
    throw reader.refuse('here has to be "*** Add File: ", "*** Update File: " or "*** Delete File: " and a path')
  }
  reader.next()
  if (kind === 'Delete') return { kind: 'delete', path }
  if (kind === 'Add') return { kind: 'add', path, lines: readAdded(reader) }
  const moveTo = moveMark.exec(reader.line())?.[1]
  if (moveTo !== undefined) reader.next()
  const hunks = readHunks(reader)
  if (hunks.length === 0 && moveTo === undefined) throw reader.refuse(`the update of ${path} holds no hunk`)
  return { kind: 'update', path, ...(moveTo === undefined ? {} : { moveTo }), hunks }
}

function readAdded(reader: Reader): string[] {
  const lines: string[] = []
  while (!isSectionEnd(reader)) {
    if (!reader.raw().startsWith('+')) throw reader.refuse('each line of a new file has to begin with +')
    lines.push(reader.raw().slice(1))
    reader.next()
  }
  return lines
}

/** Blank lines may stand before the next section. */
function isSectionEnd(reader: Reader): boolean {
  while (reader.raw() === '') reader.next()
  return reader.line() === endMark || sectionMark.test(reader.line())
}

function readHunks(reader: Reader): Hunk[] {
  const hunks: Hunk[] = []
  while (!isSectionEnd(reader)) hunks.push(readHunk(reader))
  return hunks
}

function readHunk(reader: Reader): Hunk {
  const headers: string[] = []
  for (; reader.line().startsWith('@@'); reader.next()) {
    const header = toHeader(reader.line())
    if (header !== '') headers.push(header)
  }
  const lines: HunkLine[] = []
  for (let line = readHunkLine(reader); line; line = readHunkLine(reader)) {
    lines.push(line)
    reader.next()
  }
  const atEnd = reader.line() === endOfFileMark
  const isEnd = atEnd || reader.line().startsWith('@@') || isSectionEnd(reader)
  if (!isEnd) throw reader.refuse('each line of a hunk has to begin with a blank, - or +')
  if (atEnd) reader.next()
  const meant = withoutBlankEnd(lines)
  if (meant.every(({ kind }) => kind === 'keep')) throw reader.refuse('the hunk above removes and adds nothing')
  return { headers, lines: meant, atEnd }
}

/** `@@ -1,3 +1,4 @@` says nothing here: lines are found by what is in them. */
function toHeader(line: string): string {
  return line.replace(/^@@( -\d+(,\d+)? \+\d+(,\d+)? @@.*)? ?/, '').replace(/ @@$/, '')
}

const kinds = { ' ': 'keep', '-': 'remove', '+': 'add' } as const

function readHunkLine(reader: Reader): HunkLine | undefined {
  const raw = reader.raw()
  // Blanks at the end of a line are lost easily, so an empty line is one that stays.
  if (raw === '') return { kind: 'keep', text: '' }
  const sign = raw[0]
  if (raw.startsWith('***') || (sign !== ' ' && sign !== '-' && sign !== '+')) return undefined
  return { kind: kinds[sign], text: raw.slice(1) }
}

/** Empty lines at a hunk's end mostly stand there to part it from what follows. */
function withoutBlankEnd(lines: readonly HunkLine[]): HunkLine[] {
  const last = lines.findLastIndex(({ kind, text }) => kind !== 'keep' || text !== '')
  return lines.slice(0, last + 1)
}
