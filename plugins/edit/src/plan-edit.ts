import {
  compareWithLastSeen,
  encodeLike,
  limits as textLimits,
  readTextFile,
  shownPath,
  toBytes,
  toDigits,
  withLineEnds,
} from '@codegen/kit'
import type { Files, TextFile } from '@codegen/kit'
import type { EditParameters } from '@codegen/protocol/built-in'
import { Failure } from '@codegen/protocol/failure'
import { explainMany, explainMiss } from './explain-miss.ts'
import { findMatches } from './find-matches.ts'
import type { Match } from './find-matches.ts'
import { limits } from './limits.ts'

/** What an edit will do, worked out before anything is touched. */
export type EditPlan = {
  readonly before: string
  readonly after: string
  readonly bytes: Uint8Array
  readonly replacements: number
  /** What the file must still be at the moment of the write. */
  readonly ifDigest: string
}

/**
 * Plans to replace a piece of a file. The piece must be there exactly, and once unless `replace_all` is set; all other bytes stay, and what is put in takes the
 * line ends around it. A file that changed since this run read it is
 * file.changed; one it never read may be edited: the piece must be there to the letter anyway. Fails with edit.no_match,
 * edit.many_matches or tool.bad_arguments otherwise.
 */
export async function planEdit(parameters: EditParameters, files: Files): Promise<EditPlan> {
  const { file_path: path, old_string: piece, new_string: replacement } = parameters
  refuseSenseless(parameters)
  const file = await readTextFile(files, path, { shown: false })
  await compareWithLastSeen(files, path, file.digest)

  const matches = matchesOf(file, parameters)
  refuseTooBig(path, file.text.length + matches.length * (2 * replacement.length - piece.length))
  const after = replaceMatches(file.text, matches, replacement)
  if (after === file.text) throw nothingToChange()
  const bytes = encodeLike(file, after, path)
  return { before: file.text, after, bytes, replacements: matches.length, ifDigest: file.digest }
}

function refuseSenseless({ old_string, new_string }: EditParameters): void {
  if (old_string === '') {
    throw new Failure(
      'tool.bad_arguments',
      'old_string is empty: give the text to replace. To create a file, use WriteFile.',
    )
  }
  if (old_string === new_string) throw nothingToChange()
}

function nothingToChange(): Failure {
  return new Failure('tool.bad_arguments', 'old_string and new_string are the same: there is nothing to change.')
}

function matchesOf(file: TextFile, { file_path, old_string, replace_all = false }: EditParameters): Match[] {
  const kind = replace_all ? 'apart' : 'anywhere'
  const most = replace_all ? limits.replacementsMax : 1
  const matchesMax = replace_all ? most + 1 : limits.placesShownMax + 1
  const matches = findMatches(file.text, old_string, { kind, matchesMax })
  if (matches.length === 0) throw explainMiss(file_path, file.text, old_string)
  if (matches.length <= most) return matches
  throw replace_all ? tooMany(file_path, most) : explainMany(file_path, file.text, matches)
}

function tooMany(path: string, most: number): Failure {
  return new Failure(
    'edit.many_matches',
    `old_string is more than ${toDigits(most)} times in ${shownPath(path)}; nothing was changed. Use Shell with sed for so many.`,
  )
}

/** Checked before the text is made: a short piece that is found often can grow a file without bound. */
function refuseTooBig(path: string, charactersAtMost: number): void {
  if (charactersAtMost <= textLimits.textBytesMax) return
  throw new Failure(
    'file.too_big',
    `The change could make ${shownPath(path)} larger than ${toBytes(textLimits.textBytesMax)}; nothing was changed.`,
  )
}

function replaceMatches(text: string, matches: readonly Match[], replacement: string): string {
  const pieces: string[] = []
  let at = 0
  for (const { start, end } of matches) {
    pieces.push(text.slice(at, start), withLineEnds(replacement, lineEndNear(text, start)))
    at = end
  }
  return [...pieces, text.slice(at)].join('')
}

/** The first line end from a place on, else the last one before it. */
function lineEndNear(text: string, start: number): '\n' | '\r\n' {
  const next = text.indexOf('\n', start)
  const at = next < 0 ? text.lastIndexOf('\n', start) : next
  return at > 0 && text[at - 1] === '\r' ? '\r\n' : '\n'
}
