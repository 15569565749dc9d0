import { limits } from '#limits'

/** What a line of Markdown is, read from its beginning; `rest` is its text. */
export type LineKind =
  | { kind: 'undecided' }
  | { kind: 'text'; indent: string; rest: string }
  | { kind: 'heading'; rest: string }
  | { kind: 'item'; indent: string; bullet: string; rest: string }
  | { kind: 'quote'; rest: string }
  | { kind: 'rule' }
  | { kind: 'fence'; fence: string }
  | { kind: 'row' }

/** Reads as much of a line as has come; a whole one is never undecided. */
export function lineKind(line: string, isWhole: boolean): LineKind {
  if (!isWhole && line.length < limits.lineBeginningCharactersMax && undecided.test(line)) return { kind: 'undecided' }
  if (/^ {0,3}\|/.test(line)) return { kind: 'row' }
  const fence = isWhole ? openingFence.exec(line)?.[1] : undefined
  if (fence) return { kind: 'fence', fence }
  if (/^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/.test(line)) return { kind: 'rule' }
  return markedKind(line) ?? toText(line)
}

function markedKind(line: string): LineKind | undefined {
  const heading = /^ {0,3}#{1,6}[ \t]+/.exec(line)?.[0]
  if (heading) return { kind: 'heading', rest: line.slice(heading.length) }
  const quote = /^ {0,3}> ?/.exec(line)?.[0]
  if (quote) return { kind: 'quote', rest: line.slice(quote.length) }
  const [item = '', indent = '', bullet = ''] = /^([ \t]*)([-*+]|\d{1,9}[.)])[ \t]+(?=\S)/.exec(line) ?? []
  return item ? { kind: 'item', indent, bullet, rest: line.slice(item.length) } : undefined
}

function toText(line: string): LineKind {
  const rest = line.replace(/^[ \t]+/, '')
  return { kind: 'text', indent: line.slice(0, line.length - rest.length), rest }
}

const openingFence = /^[ \t]*(`{3,}(?=[^`]*$)|~{3,})/

/** Beginnings that may still become something else: space, marks of headings, fences, lists and rules. */
const undecided =
  /^(?:[ \t]*(?:`{0,2}|~{0,2}|`{3,}[^`]*|~{3,}.*|[+]|\d{1,9}[.)]?)[ \t]*| {0,3}#{1,6}| {0,3}>|[ \t]*([-*_])(?:[ \t]*\1)*[ \t]*)$/
