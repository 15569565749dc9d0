import { withPlainLineEnds } from '@codegen/kit'

/** Where a piece of text stands: from `start` to before `end`. */
export type Match = { readonly start: number; readonly end: number }

/**
 * Finds a piece in a text, a `\n` of the piece also meeting a `\r\n` of the text. `apart` finds matches that can all be replaced; `anywhere` also those
 * that overlap, since a piece that fits in two ways is not unique. Stops after `matchesMax`.
 */
export function findMatches(
  text: string,
  piece: string,
  how: { kind: 'apart' | 'anywhere'; matchesMax: number },
): Match[] {
  // A piece within one line meets no line end: nothing has to be made equal then.
  const returns = /[\r\n]/.test(piece) ? carriageReturnsBeforeLineFeeds(text) : []
  const plainText = returns.length === 0 ? text : withPlainLineEnds(text)
  const plainPiece = withPlainLineEnds(piece)
  const step = how.kind === 'apart' ? plainPiece.length : 1
  const matches: Match[] = []
  let at = plainText.indexOf(plainPiece)
  while (at >= 0 && matches.length < how.matchesMax) {
    matches.push({ start: toOffset(returns, at), end: toOffset(returns, at + plainPiece.length) })
    at = plainText.indexOf(plainPiece, at + step)
  }
  return matches
}

/** The line, from 1, that each match begins on; matches in order. */
export function lineNumbersOf(text: string, matches: readonly Match[]): number[] {
  let [line, at] = [1, 0]
  return matches.map(({ start }) => {
    for (let end = text.indexOf('\n', at); end >= 0 && end < start; end = text.indexOf('\n', at)) {
      line++
      at = end + 1
    }
    return line
  })
}

function carriageReturnsBeforeLineFeeds(text: string): number[] {
  const returns: number[] = []
  for (let at = text.indexOf('\r\n'); at >= 0; at = text.indexOf('\r\n', at + 2)) returns.push(at)
  return returns
}

/** Where an offset in the text without those returns is in the text with them; on a line's end it is before the return. */
function toOffset(returns: readonly number[], plainOffset: number): number {
  let [low, high] = [0, returns.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((returns[middle] ?? 0) - middle < plainOffset) low = middle + 1
    else high = middle
  }
  return plainOffset + low
}
