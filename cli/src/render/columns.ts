import stringWidth from 'string-width'

/** One column each, and by far the most of what is shown. */
const narrow = /^[\x20-\x7e\xa1-\xac\xae-\u02ff\u0370-\u0482\u048a-\u052f\u2010-\u2027\u2500-\u257f\u2800-\u28ff]*$/

/** How many columns of a terminal a text without newlines takes; a wide character takes two, a mark above another none. */
export function columnsOf(text: string): number {
  return narrow.test(text) ? text.length : stringWidth(text)
}

/** As much of a text as fits, with `…` in place of the rest. Never cuts a character in two. */
export function cutToColumns(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text
  if (columns < 1) return ''
  return `${takeColumns(text, columns - 1)}…`
}

/** The longest beginning of a text that fits. */
export function takeColumns(text: string, columns: number): string {
  if (narrow.test(text)) return text.slice(0, columns)
  let taken = ''
  let left = columns
  for (const { segment } of graphemes().segment(text)) {
    left -= columnsOf(segment)
    if (left < 0) break
    taken += segment
  }
  return taken
}

let segmenter: Intl.Segmenter | undefined

/** Made at the first use: most output needs none. */
function graphemes(): Intl.Segmenter {
  segmenter ??= new Intl.Segmenter()
  return segmenter
}
