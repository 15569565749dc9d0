import { limits } from '#limits'
import type { Colours, Paint } from './colours.ts'

/** A piece of a line and how it is painted. */
export type Span = { text: string; paint: Paint }

export type SpansOptions = {
  colours: Colours
  /** How text without marks is painted. */
  paint: Paint
  /** The character before the text. */
  before: string
  /** Nothing follows on this line: what is not closed is text. */
  isWhole: boolean
  depth?: number
}

/**
 * Emphasis, code and links of one line. What is opened and not yet closed is left in `rest` for when more of the line has come, at most
 * limits.spanCharactersMax of it; marks that turn out to mark nothing are shown. The work is bounded by the length of the text.
 */
export function toSpans(text: string, options: SpansOptions): { spans: Span[]; rest: string } {
  const spans: Span[] = []
  let position = 0
  while (position < text.length) {
    const next = nextMark(text, position)
    if (next > position) spans.push({ text: text.slice(position, next), paint: options.paint })
    position = next
    if (position === text.length) break
    const window = text.slice(position, position + limits.spanCharactersMax)
    const isWhole = options.isWhole || text.length - position >= limits.spanCharactersMax
    const found = readMark(window, { ...options, before: text.charAt(position - 1) || options.before, isWhole })
    if (found.kind === 'waits') {
      if (!isWhole) return { spans, rest: text.slice(position) }
      spans.push({ text: found.mark, paint: options.paint })
      position += found.mark.length
    } else {
      spans.push(...found.spans)
      position += found.length
    }
  }
  return { spans, rest: '' }
}

type Found = { kind: 'spans'; spans: Span[]; length: number } | { kind: 'waits'; mark: string }

const mark = /[*_`[\\]/g

function nextMark(text: string, from: number): number {
  mark.lastIndex = from
  return mark.exec(text)?.index ?? text.length
}

function readMark(text: string, options: SpansOptions): Found {
  const first = text.charAt(0)
  if (first === '\\') return readEscape(text, options)
  if (first === '`') return readCode(text, options)
  return first === '[' ? readLink(text, options) : readEmphasis(text, options)
}

function toText(text: string, { paint }: SpansOptions): Found {
  return { kind: 'spans', spans: [{ text, paint }], length: text.length }
}

function readEscape(text: string, options: SpansOptions): Found {
  if (text.length === 1) return { kind: 'waits', mark: text }
  const isEscape = /^\\[!-/:-@[-`{-~]/.test(text)
  return isEscape
    ? { kind: 'spans', spans: [{ text: text.charAt(1), paint: options.paint }], length: 2 }
    : toText('\\', options)
}

function readCode(text: string, { colours, paint, isWhole }: SpansOptions): Found {
  const ticks = runAt(text, 0)
  for (let from = ticks.length; ;) {
    const close = text.indexOf('`', from)
    const closing = close === -1 ? '' : runAt(text, close)
    if (close === -1 || (close + closing.length === text.length && !isWhole)) return { kind: 'waits', mark: ticks }
    if (closing.length === ticks.length) {
      const code = text.slice(ticks.length, close)
      const inner = /^ .*[^ ].* $/.test(code) ? code.slice(1, -1) : code
      return {
        kind: 'spans',
        spans: [{ text: inner, paint: join(paint, colours.cyan) }],
        length: close + closing.length,
      }
    }
    from = close + closing.length
  }
}

const link = /^\[([^[\]]*)\]\(([^()\s]+)\)/
const linkBeginning = /^\[[^[\]]*(\](\([^()\s]*)?)?$/

function readLink(text: string, options: SpansOptions): Found {
  const [whole = '', label = '', url = ''] = link.exec(text) ?? []
  if (!whole) return linkBeginning.test(text) ? { kind: 'waits', mark: '[' } : toText('[', options)
  const { colours, paint } = options
  const address: Span[] =
    label === url
      ? []
      : [
          { text: label ? ' ' : '', paint },
          { text: `(${url})`, paint: colours.dim },
        ]
  return {
    kind: 'spans',
    spans: [...inside(label, '[', { ...options, paint: join(paint, colours.underline) }), ...address],
    length: whole.length,
  }
}

function readEmphasis(text: string, options: SpansOptions): Found {
  const opening = runAt(text, 0)
  const follows = text.charAt(opening.length)
  if (follows === '' && !options.isWhole) return { kind: 'waits', mark: opening }
  const isInWord = opening.startsWith('_') && /[\p{L}\p{N}]/u.test(options.before)
  if (opening.length > 3 || follows === '' || /\s/.test(follows) || isInWord) return toText(opening, options)
  const close = findClosing(text, opening, options.isWhole)
  if (close === undefined) return { kind: 'waits', mark: opening }
  const { colours, paint } = options
  const italic = opening.length === 2 ? paint : join(paint, colours.italic)
  const emphasised = opening.length === 1 ? italic : join(italic, colours.bold)
  return {
    kind: 'spans',
    spans: inside(text.slice(opening.length, close), opening, { ...options, paint: emphasised }),
    length: close + opening.length,
  }
}

function findClosing(text: string, opening: string, isWhole: boolean): number | undefined {
  for (let from = opening.length; ;) {
    const close = text.indexOf(opening, from)
    if (close === -1) return undefined
    const run = runAt(text, close)
    const after = text.charAt(close + run.length)
    if (after === '' && !isWhole) return undefined
    const isInWord = opening.startsWith('_') && /[\p{L}\p{N}]/u.test(after)
    if (run.length === opening.length && !/\s/.test(text.charAt(close - 1)) && !isInWord) return close
    from = close + run.length
  }
}

function inside(text: string, before: string, options: SpansOptions): Span[] {
  const { depth = 0, paint } = options
  if (depth >= limits.spanDepthMax) return [{ text, paint }]
  return toSpans(text, { ...options, before, isWhole: true, depth: depth + 1 }).spans
}

/** The same character again and again. */
function runAt(text: string, position: number): string {
  const character = text.charAt(position)
  let end = position + 1
  while (text.charAt(end) === character) end += 1
  return text.slice(position, end)
}

function join(outer: Paint, inner: Paint): Paint {
  return (text) => outer(inner(text))
}
