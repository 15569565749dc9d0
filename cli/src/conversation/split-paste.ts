import { limits as protocolLimits } from '@codegen/protocol/limits'

/** What a terminal sends: keys, or a text that was pasted in one go. */
export type Piece = { readonly kind: 'keys' | 'paste'; readonly text: string }

/**
 * Tells pasted texts from keys. A terminal that can marks them (bracketed paste), wherever the bytes are cut; from one that cannot, several lines that
 * come at once are taken for a paste, since nobody types that fast. Of a paste longer than any message the rest is dropped.
 */
export function createPasteSplitter(): { push(chunk: string): Piece[] } {
  /** What may be the beginning of a mark. */
  let held = ''
  let pasting: string[] | undefined
  let size = 0

  function gather(text: string): void {
    const room = protocolLimits.promptCharactersMax + 1 - size
    if (room <= 0 || text === '') return
    pasting?.push(text.slice(0, room))
    size += Math.min(text.length, room)
  }

  function push(chunk: string): Piece[] {
    // A mark that never comes must not take the keyboard away.
    if (pasting && chunk === interrupt) {
      pasting = undefined
      held = ''
      return [{ kind: 'keys', text: chunk }]
    }
    const pieces: Piece[] = []
    let rest = held + chunk
    held = ''
    while (rest !== '') {
      const mark = pasting ? pasteEnd : pasteStart
      const at = rest.indexOf(mark)
      const until = at === -1 ? rest.length - partLength(rest, mark) : at
      const text = rest.slice(0, until)
      if (pasting) gather(text)
      else if (text !== '') pieces.push(toPiece(text))
      if (at === -1) {
        held = rest.slice(until)
        break
      }
      if (pasting) pieces.push({ kind: 'paste', text: pasting.join('') })
      pasting = pasting ? undefined : []
      size = 0
      rest = rest.slice(at + mark.length)
    }
    return pieces
  }

  return { push }
}

const interrupt = '\x03'
const pasteStart = '\x1b[200~'
const pasteEnd = '\x1b[201~'

/** How much of the end may be the beginning of the mark. */
function partLength(text: string, mark: string): number {
  for (let length = mark.length - 1; length >= 1; length -= 1) if (text.endsWith(mark.slice(0, length))) return length
  return 0
}

/** Text behind a line's end, and nothing in it that only a key sends; who ends a line with a backslash writes it by hand. */
function toPiece(text: string): Piece {
  // oxlint-disable-next-line no-control-regex -- keys are control characters
  const isPasted = /[\r\n][^\r\n]/.test(text) && !/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\\[\r\n]/.test(text)
  return { kind: isPasted ? 'paste' : 'keys', text }
}
