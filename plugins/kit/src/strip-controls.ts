/**
 * Text as a person would have read it on a terminal, without anything that moves a cursor, colours, rings, links or writes a clipboard: escape
 * sequences and control characters go (all but newline and tab), overwritten progress lines and backspaces leave their last state.
 */
export function stripControls(text: string): string {
  return withoutOpenLine(collapseOverwrites(createControlFilter().push(text)))
}

/** Drops the carriage return that `collapseOverwrites` left for what might have followed. */
export function withoutOpenLine(text: string): string {
  return text.endsWith('\r') ? text.slice(0, -1) : text
}

/** Takes escape sequences and control characters out of a stream, piece by piece. Carriage returns and backspaces are left for `collapseOverwrites`. */
export type ControlFilter = { push(piece: string): string }

/** An escape sequence longer than this is no sequence; its beginning is dropped and the rest is text. */
const sequenceCharactersMax = 256

// oxlint-disable no-control-regex -- control characters are what this file is about
const anyControl = /[\x00-\x07\x0b\x0c\x0e-\x1f\x7f-\x9f]/g
const plainControls = /[\x00-\x07\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]+/g
const introducer = /[\x1b\x80-\x9f]/
/** Operating system command, device control and the like: they run until a terminator and may hold anything. */
const stringStart = /\x1b[\]PX^_]|[\x90\x98\x9d-\x9f]/y
const stringEnd = /[\x07\x18\x1a\x9c\n]|\x1b\\?/g
const incomplete = /(?:(?:\x1b\[|\x9b)[0-?]*[ -/]*|\x1b[ -/]*)$/y
const sequence = /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|\x1b[ -/]*[0-~]?/y
// oxlint-enable no-control-regex

/** A filter for one stream. What is cut between two pieces is recognised; nothing but the beginning of one sequence is held back. */
export function createControlFilter(): ControlFilter {
  let held = ''
  let insideString = false

  return {
    push(piece) {
      if (held === '' && !insideString) {
        if (indexOfControl(piece, 0) === piece.length) return piece
        if (!introducer.test(piece)) return piece.replace(plainControls, '')
      }
      const text = held + piece
      held = ''
      let shown = ''
      let position = 0
      while (position < text.length) {
        if (insideString) {
          const end = endOfString(text, position)
          insideString = end.open
          held = end.held
          position = end.position
          continue
        }
        const start = indexOfControl(text, position)
        shown += text.slice(position, start)
        position = start
        if (start === text.length) break
        if (matches(stringStart, text, position)) {
          insideString = true
          position = stringStart.lastIndex
        } else if (matches(incomplete, text, position)) {
          if (text.length - position <= sequenceCharactersMax) held = text.slice(position)
          position = text.length
        } else {
          position = matches(sequence, text, position) ? sequence.lastIndex : position + 1
        }
      }
      return shown
    },
  }
}

/** Where a control string ends. A newline ends it too, so that a terminator that never comes does not hide the rest of the output. */
function endOfString(text: string, from: number): { open: boolean; held: string; position: number } {
  stringEnd.lastIndex = from
  const end = stringEnd.exec(text)
  if (!end) return { open: true, held: '', position: text.length }
  const found = end[0]
  if (found === '\x1b' && stringEnd.lastIndex === text.length) return { open: true, held: found, position: text.length }
  const belongsToNext = found === '\x1b' || found === '\n'
  return { open: false, held: '', position: belongsToNext ? end.index : stringEnd.lastIndex }
}

function indexOfControl(text: string, from: number): number {
  anyControl.lastIndex = from
  return anyControl.exec(text)?.index ?? text.length
}

function matches(sticky: RegExp, text: string, position: number): boolean {
  sticky.lastIndex = position
  return sticky.test(text)
}

/**
 * Leaves of each line what was written last: after the last carriage return that something followed, backspaces applied. A carriage return at the very
 * end stays, because what comes next decides whether it was a line end.
 */
export function collapseOverwrites(text: string): string {
  if (!/[\r\b]/.test(text)) return text
  const lines = text.split('\n')
  const last = lines.pop() ?? ''
  const open = last.endsWith('\r') ? '\r' : ''
  return [...lines, last].map(toLastState).join('\n') + open
}

function toLastState(line: string): string {
  const written = line.includes('\r') ? (line.split('\r').findLast((part) => part !== '') ?? '') : line
  return written.includes('\b') ? withBackspaces(written) : written
}

/** On the characters' codes, in place: a line may be all backspaces. */
function withBackspaces(line: string): string {
  const codes = Buffer.from(line, 'utf16le')
  let end = 0
  for (let position = 0; position < codes.length; position += 2) {
    const code = codes.readUInt16LE(position)
    if (code === 0x08) end = Math.max(0, end - 2)
    else end = codes.writeUInt16LE(code, end)
  }
  return codes.toString('utf16le', 0, end)
}
