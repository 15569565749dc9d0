import { shownPath } from '@codegen/kit'
import type { FoundLines, LineSearch } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'
import { createFoundLines } from './found-lines.ts'
import { parseGlob } from './glob-pattern.ts'
import type { GlobPattern } from './glob-pattern.ts'
import { runRipgrep } from './ripgrep.ts'
import type { RipgrepEnd } from './ripgrep.ts'
import { searchFlags, tooSlow } from './search.ts'
import type { SearchOptions } from './search.ts'
import { openSearchPlace } from './search-place.ts'

/** Searches the lines of text files; see `Search`. */
export async function findLines(wanted: LineSearch, options: SearchOptions): Promise<FoundLines> {
  refuseUnpassable(wanted.regex)
  const glob = wanted.glob === undefined ? undefined : parseGlob(wanted.glob)
  await using place = await openSearchPlace(wanted.path, options)
  const isWanted = (path: string) => place.isFile || (!place.isIgnored(path) && (glob?.matches(path) ?? true))
  const found = createFoundLines({ linesMax: wanted.linesMax, isWanted })
  const run = {
    arguments: [...toFlags(wanted), ...narrowed(glob), ...searchFlags, ...place.flags, '--', place.argument],
    cwd: place.cwd,
    recordEnd: 10,
    onRecord: found.take,
  }
  const end = await runRipgrep(run, options)
  const complaint = end.kind === 'done' && end.code > 1 ? toComplaint(end, found.isWhole()) : undefined
  const { files, binaryFiles } = found.finish()
  if (place.isFile && binaryFiles > 0) throw binaryFile(wanted.path)
  if (end.kind === 'timeout' && files.length === 0) throw tooSlow()

  const inside = await Promise.all(files.map(({ path }) => place.isStillInside(path)))
  const shown = files.filter((_, index) => inside[index]).map((file) => ({ ...file, path: place.toShown(file.path) }))
  const matches = shown.flatMap(({ lines }) => lines).filter(({ kind }) => kind === 'match').length
  return { files: shown, matches, end: end.kind === 'done' ? 'all' : end.kind, complaint }
}

function refuseUnpassable(regex: string): void {
  if (regex.includes('\0')) {
    throw new Failure('tool.bad_arguments', 'The pattern holds a NUL character. Write \\x00 for one.')
  }
  if (Buffer.byteLength(regex) <= limits.searchPatternBytesMax) return
  throw new Failure(
    'tool.bad_arguments',
    `The pattern is longer than ${limits.searchPatternBytesMax} bytes. Search for a part of it.`,
  )
}

function toFlags({ regex, context }: LineSearch): string[] {
  return [
    '--json',
    '--sort=path',
    '--crlf',
    // Patterns that look around or back are taken by PCRE2, all others by an engine that is linear in the text.
    '--engine=auto',
    `--max-filesize=${limits.searchFileBytesMax}`,
    `--context=${context}`,
    // A pattern meets more than one line only where it says so.
    ...(/\n|\\n|\(\?[a-z]*s/.test(regex) ? ['--multiline'] : []),
    `--regexp=${regex}`,
  ]
}

/** `--glob` would find what .gitignore names as well; a type of file does not. */
function narrowed(glob: GlobPattern | undefined): string[] {
  const names = glob?.names
  if (!names) return []
  return [...names.map((name) => `--type-add=wanted:${name}`), '--type=wanted']
}

/** What some part was left out for; a search that did not even begin fails with it. */
function toComplaint({ complaint }: RipgrepEnd & { kind: 'done' }, hasBegun: boolean): string {
  const first = shownPath(complaint.replace(/^rg: /, '').split('\n', 1)[0] ?? '')
  if (hasBegun) return first || 'unknown reason'
  const reason = reasonOf(complaint)
  if (reason === undefined) throw new Failure('tool.failed', `The search could not be made: ${first}.`)
  throw new Failure('tool.bad_arguments', `The pattern is no regular expression: ${shownPath(reason)}.`, {
    hint: 'A character such as ( [ { . that is meant as it is needs a \\ before it.',
  })
}

/** Both engines say why they do not take a pattern. What the first one never takes, the second one is right about. */
function reasonOf(complaint: string): string | undefined {
  if (!/regex/i.test(complaint)) return undefined
  const own = /^error: (.*)$/m.exec(complaint)?.[1] ?? /^(compiled regex exceeds size limit).*$/m.exec(complaint)?.[1]
  const other = /^PCRE2: error compiling pattern at offset \d+: (.*)$/m.exec(complaint)?.[1]
  const isBeyondFirst = own === undefined || /look-around|backreferences/.test(own)
  return (isBeyondFirst ? other : own) ?? own ?? complaint.replace(/^rg: /, '').split('\n', 1)[0]
}

function binaryFile(path: string): Failure {
  return new Failure(
    'file.binary',
    `${shownPath(path)} is not text. Use Shell with grep -a, or strings, to look into it.`,
  )
}
