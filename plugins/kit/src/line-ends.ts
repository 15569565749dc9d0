/** How the lines of a text end. `most` is the end that most lines have, `\n` where there is none. */
export type LineEnds = { readonly kind: 'none' | 'lf' | 'crlf' | 'mixed'; readonly most: '\n' | '\r\n' }

/** Counts the line ends of a text. */
export function lineEndsOf(text: string): LineEnds {
  let [lf, crlf] = [0, 0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
    if (text[at - 1] === '\r') crlf++
    else lf++
  }
  const kind = crlf === 0 ? (lf === 0 ? 'none' : 'lf') : lf === 0 ? 'crlf' : 'mixed'
  return { kind, most: crlf > lf ? '\r\n' : '\n' }
}

/** The text with every line end as `\n`. */
export function withPlainLineEnds(text: string): string {
  return text.replaceAll('\r\n', '\n')
}

/** The text with every line end as given. */
export function withLineEnds(text: string, end: '\n' | '\r\n'): string {
  const plain = withPlainLineEnds(text)
  return end === '\n' ? plain : plain.replaceAll('\n', end)
}

/** Cuts a text after each `\n`. The last line may have none; an empty text has no lines. */
export function linesOf(text: string): string[] {
  const lines: string[] = []
  let start = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', start)) {
    lines.push(text.slice(start, at + 1))
    start = at + 1
  }
  if (start < text.length) lines.push(text.slice(start))
  return lines
}
