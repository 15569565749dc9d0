import type { FoundFile, FoundLine } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { limits } from '#limits'

/** Gathers what ripgrep prints with `--json`, file by file. */
export type FoundLines = {
  /** One event; undefined for one that was too long. `enough` when there is one more than can be shown. */
  take(record: Buffer | undefined): 'more' | 'enough'
  /** Whether ripgrep went through all files, whatever it met in some. */
  isWhole(): boolean
  finish(): { files: FoundFile[]; binaryFiles: number }
}

const Text = Type.Union([Type.Object({ text: Type.String() }), Type.Object({ bytes: Type.String() })])
const RipgrepEvent = Type.Union([
  Type.Object({ type: Type.Literal('begin'), data: Type.Object({ path: Text }) }),
  Type.Object({
    type: Type.Enum(['match', 'context']),
    data: Type.Object({
      lines: Text,
      line_number: Type.Integer(),
      submatches: Type.Array(Type.Object({ start: Type.Integer(), end: Type.Integer() })),
    }),
  }),
  Type.Object({
    type: Type.Literal('end'),
    data: Type.Object({ binary_offset: Type.Union([Type.Integer(), Type.Null()]) }),
  }),
  Type.Object({ type: Type.Literal('summary') }),
])
type RipgrepLines = Extract<Static<typeof RipgrepEvent>, { data: { line_number: number } }>
type OpenFile = { path: string; lines: FoundLine[]; matches: number; hugeLines: number; isWanted: boolean }

const eventParser = Compile(RipgrepEvent)

/** Nothing found yet. Keeps at most `linesMax` lines that match, with those around them, and limits.searchCharactersMax characters. */
export function createFoundLines(options: { linesMax: number; isWanted(path: string): boolean }): FoundLines {
  const files: OpenFile[] = []
  let file: OpenFile | undefined
  let [matches, characters, binaryFiles] = [0, 0, 0]
  let isWhole = false

  function takeLines(event: RipgrepLines): 'more' | 'enough' {
    if (!file?.isWanted) return 'more'
    if (event.type === 'match' && matches === options.linesMax) return 'enough'
    for (const line of toLines(event)) {
      characters += line.text.length
      if (characters > limits.searchCharactersMax) return 'enough'
      file.lines.push(line)
    }
    if (event.type === 'match') {
      file.matches++
      matches++
    }
    return 'more'
  }

  function closeFile(isBinary: boolean): void {
    if (file && isBinary) {
      matches -= file.matches
      binaryFiles++
    } else if (file?.isWanted && file.lines.length + file.hugeLines > 0) files.push(file)
    file = undefined
  }

  return {
    take(record) {
      if (!record) {
        if (file) file.hugeLines++
        return 'more'
      }
      const event = parseEvent(record)
      if (event.type === 'begin') {
        const path = toText(event.data.path).replace(/^\.\//, '')
        file = { path, lines: [], matches: 0, hugeLines: 0, isWanted: options.isWanted(path) }
      } else if (event.type === 'end') closeFile(event.data.binary_offset !== null)
      else if (event.type === 'summary') isWhole = true
      else return takeLines(event)
      return 'more'
    },
    isWhole: () => isWhole,
    finish() {
      closeFile(false)
      return { files: files.map(({ path, lines, hugeLines }) => ({ path, lines, hugeLines })), binaryFiles }
    },
  }
}

function parseEvent(record: Buffer): Static<typeof RipgrepEvent> {
  const event: unknown = JSON.parse(record.toString())
  if (eventParser.Check(event)) return event
  throw new Failure('tool.failed', 'ripgrep answered with something else than lines.')
}

/** A match may go over several lines. */
function toLines({ type, data }: RipgrepLines): FoundLine[] {
  const text = toText(data.lines).replace(/\r?\n$/, '')
  const firstMatch = Buffer.from(text)
    .subarray(0, data.submatches[0]?.start ?? 0)
    .toString().length
  let start = 0
  return text.split('\n').map((line, index) => {
    const place = Math.max(0, firstMatch - start)
    start += line.length + 1
    return { number: data.line_number + index, kind: type, ...cutAround(line.replace(/\r$/, ''), place) }
  })
}

/** A part of a long line, with some of what is before its first match. */
function cutAround(line: string, place: number): { text: string; cut: boolean } {
  const { searchLineCharactersMax: most } = limits
  if (line.length <= most) return { text: line, cut: false }
  const from = Math.max(0, Math.min(place - most / 4, line.length - most))
  const [before, after] = [from > 0 ? '…' : '', from + most < line.length ? '…' : '']
  return { text: `${before}${line.slice(from, from + most)}${after}`.toWellFormed(), cut: true }
}

function toText(text: Static<typeof Text>): string {
  return 'text' in text ? text.text : Buffer.from(text.bytes, 'base64').toString()
}
