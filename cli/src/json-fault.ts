/** Where a text stops being JSON; undefined where it is JSON. Positions count characters from 0; the text's length means that it ends too early. */
export function findJsonFault(text: string): number | undefined {
  const end = skip(space, text, readValue(text, skip(space, text, 0), 0))
  if (isFault(end)) return -1 - end
  return end === text.length ? undefined : end
}

/** Deeper than this nothing of ours may be. */
const depthMax = 1_000

// A position behind what was read, or, below zero, -1 minus the position of the fault.
type Place = number

const isFault = (place: Place): boolean => place < 0
const fault = (position: number): Place => -1 - position

const space = /[ \t\n\r]*/y
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
// oxlint-disable-next-line no-control-regex -- these may not stand in a string
const characters = /(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y

function skip(pattern: RegExp, text: string, from: Place): Place {
  if (isFault(from)) return from
  pattern.lastIndex = from
  return pattern.test(text) ? pattern.lastIndex : from
}

function readValue(text: string, from: Place, depth: number): Place {
  if (isFault(from)) return from
  if (depth > depthMax) return fault(from)
  const first = text[from]
  if (first === '"') return readString(text, from)
  if (first === '{') return readList(text, from + 1, { close: '}', read: (at) => readMember(text, at, depth) })
  if (first === '[') return readList(text, from + 1, { close: ']', read: (at) => readValue(text, at, depth + 1) })
  const word = ['true', 'false', 'null'].find((one) => one.startsWith(first ?? ' '))
  if (word) return readWord(text, from, word)
  const end = skip(number, text, from)
  return end === from ? fault(from) : end
}

function readString(text: string, from: Place): Place {
  if (text[from] !== '"') return fault(from)
  const end = skip(characters, text, from + 1)
  return text[end] === '"' ? end + 1 : fault(end)
}

function readMember(text: string, from: Place, depth: number): Place {
  const colon = skip(space, text, readString(text, from))
  if (isFault(colon)) return colon
  return text[colon] === ':' ? readValue(text, skip(space, text, colon + 1), depth + 1) : fault(colon)
}

function readList(text: string, from: number, { close, read }: { close: string; read(at: number): Place }): Place {
  let at = skip(space, text, from)
  if (text[at] === close) return at + 1
  for (;;) {
    at = skip(space, text, read(at))
    if (isFault(at)) return at
    if (text[at] === close) return at + 1
    if (text[at] !== ',') return fault(at)
    at = skip(space, text, at + 1)
  }
}

function readWord(text: string, from: number, word: string): Place {
  for (let index = 0; index < word.length; index += 1) {
    if (text[from + index] !== word[index]) return fault(from + index)
  }
  return from + word.length
}
