import { encodingInWords, shownPath, toBytes, toCount, toDigits } from '@codegen/kit'
import type { TextEncoding, ToolReturn } from '@codegen/kit'
import { limits } from './limits.ts'
import type { LinesInText } from './lines-in-text.ts'

type Request = { path: string; size: number; encoding: TextEncoding; offset: number; limit: number }

/** Shows whole lines from an offset on, as many as the bounds allow, and says which, of how many, and where to go on. */
export function showLines(lines: LinesInText, request: Request): ToolReturn {
  const { size, offset } = request
  const path = shownPath(request.path)
  const about = `${path}: ${toCount(lines.count, 'line')}, ${toBytes(size)}${traitsOf(lines, request.encoding)}`
  const bytesTotal = size
  if (size === 0) return { text: `${path} is empty (0 bytes).`, bytesTotal }
  if (lines.count === 0) return { text: `${about}. There is nothing in it but a byte order mark.`, bytesTotal }
  if (offset > lines.count)
    return { text: `${about}. There is no line ${offset}: the last is ${lines.count}.`, bytesTotal }

  const shown = take(lines, request)
  const last = offset + shown.length - 1
  const part =
    offset === 1 && last === lines.count ? '' : `; lines ${offset} to ${last} shown${nextOf(last, lines.count)}`
  return { text: [`${about}${part}.`, ...shown].join('\n').toWellFormed(), truncated: last < lines.count, bytesTotal }
}

/** A line of at most so many characters, saying when it was cut and what all of it is. */
export function cutLine(line: string, whole = `of ${toCount(line.length, 'character')}`): string {
  if (line.length <= limits.lineCharactersMax) return line
  const shown = toDigits(limits.lineCharactersMax)
  return `${line.slice(0, limits.lineCharactersMax)} [line cut: the first ${shown} characters ${whole} shown]`
}

function take(lines: LinesInText, { offset, limit }: Request): string[] {
  const shown: string[] = []
  let characters = 0
  for (const line of lines.from(offset)) {
    const numbered = `${offset + shown.length}\t${cutLine(line)}`
    characters += numbered.length + 1
    if (shown.length === Math.min(limit, limits.linesMax) || characters > limits.charactersMax) break
    shown.push(numbered)
  }
  return shown
}

function nextOf(last: number, count: number): string {
  return last < count ? `, go on with offset ${last + 1}` : ''
}

function traitsOf({ ends, isOpen }: LinesInText, encoding: TextEncoding): string {
  const traits = [
    encoding.name === 'utf-8' && !encoding.byteOrderMark ? '' : encodingInWords(encoding),
    ends.kind === 'crlf' ? 'CRLF line ends' : ends.kind === 'mixed' ? 'LF and CRLF line ends mixed' : '',
    isOpen ? 'no line end at the end' : '',
  ]
  return traits
    .filter((trait) => trait !== '')
    .map((trait) => `, ${trait}`)
    .join('')
}
