/** Tells the thoughts at the beginning of a text from the text. */
export type ThinkTags = {
  /** Takes a piece and gives what of it, and of what was held back, is sure. */
  split(piece: string): Split
  /** What is still held back. */
  end(): Split
}
type Split = { readonly text: string; readonly reasoning: string }

const opening = '<think>'
const closing = '</think>'

/**
 * Local servers that do not know a model's template leave its thoughts in the answer: `<think>…</think>` before the first word. Only there is it taken for
 * thoughts; a tag later on is text.
 */
export function createThinkTags(): ThinkTags {
  let place: 'before' | 'within' | 'between' | 'after' = 'before'
  let held = ''

  const split = (piece: string): Split => {
    if (place === 'after') return { text: piece, reasoning: '' }
    if (place === 'between') return { text: toFirst(piece), reasoning: '' }
    held += piece
    return place === 'before' ? begin() : within()
  }
  const begin = (): Split => {
    const start = held.trimStart()
    if (start.length < opening.length && opening.startsWith(start)) return { text: '', reasoning: '' }
    if (!start.startsWith(opening)) return release()
    place = 'within'
    held = start.slice(opening.length)
    return within()
  }
  const within = (): Split => {
    const end = held.indexOf(closing)
    if (end >= 0) {
      const reasoning = held.slice(0, end)
      const rest = held.slice(end + closing.length)
      place = 'between'
      held = ''
      return { text: toFirst(rest), reasoning }
    }
    const kept = tailLike(held)
    const reasoning = held.slice(0, held.length - kept)
    held = held.slice(held.length - kept)
    return { text: '', reasoning }
  }
  /** The lines between the thoughts and the first word are neither. */
  const toFirst = (piece: string): string => {
    const text = piece.trimStart()
    if (text !== '') place = 'after'
    return text
  }
  const release = (): Split => {
    const text = held
    place = 'after'
    held = ''
    return { text, reasoning: '' }
  }

  return {
    split,
    end() {
      if (place !== 'within') return release()
      const reasoning = held
      held = ''
      return { text: '', reasoning }
    },
  }
}

/** How many of the last characters may be the beginning of the closing tag. */
function tailLike(text: string): number {
  for (let length = Math.min(closing.length - 1, text.length); length > 0; length--) {
    if (closing.startsWith(text.slice(-length))) return length
  }
  return 0
}
