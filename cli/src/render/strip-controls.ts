import { limits } from '#limits'

/**
 * Takes out of a text from elsewhere whatever a terminal would obey: control characters but newline and tab, escape sequences, marks that turn
 * the direction of text. One stripper follows one stream, so a sequence that is cut between two pieces is still seen. No newline is ever lost:
 * a sequence without an end hides no more than its line.
 */
export type ControlStripper = { push(piece: string): string }

export function createControlStripper(): ControlStripper {
  let place: Place = inText
  let heldSurrogate = ''

  function push(piece: string): string {
    const text = heldSurrogate + piece
    heldSurrogate = isHighSurrogate(text.charCodeAt(text.length - 1)) ? text.slice(-1) : ''
    const whole = heldSurrogate ? text.slice(0, -1) : text
    if (place.kind === 'text' && !obeyed.test(whole)) return whole
    let shown = ''
    for (let index = 0; index < whole.length; index += 1) {
      const character = whole.charAt(index)
      const before = place
      place = nextPlace(before, character)
      if (before.kind === 'text' || place === inTextAgain) shown += obeyed.test(character) ? '' : character
      if (place === inTextAgain) place = nextPlace(inText, character)
    }
    return shown
  }

  return { push }
}

/** The same for a text that is whole. */
export function stripControls(text: string): string {
  return createControlStripper().push(text)
}

/** Where in the stream a character stands; `swallowed` counts what of a sequence has been hidden. */
type Place = { kind: 'text' | 'escape' | 'sequence' | 'string' | 'string-escape'; swallowed: number }

const inText: Place = { kind: 'text', swallowed: 0 }
/** The sequence is over and this character is not of it. */
const inTextAgain: Place = { kind: 'text', swallowed: 0 }

/* oxlint-disable no-control-regex -- control characters are what this file is about */
const obeyed = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/
/* oxlint-enable no-control-regex */
const stringIntroducers = 'PX]^_'
const stringIntroducersC1 = '\x90\x98\x9d\x9e\x9f'

function nextPlace(place: Place, character: string): Place {
  if (place.kind === 'text') return afterText(character)
  const swallowed = place.swallowed + 1
  const isString = place.kind === 'string' || place.kind === 'string-escape'
  const swallowedMax = isString ? limits.sequenceStringCharactersMax : limits.sequenceCharactersMax
  if (character === '\n' || swallowed > swallowedMax) return inTextAgain
  if (place.kind === 'escape') return afterEscape(character, swallowed)
  if (place.kind === 'sequence') return afterSequence(character, swallowed)
  return afterString(place.kind, character, swallowed)
}

function afterText(character: string): Place {
  if (character === '\x1b') return { kind: 'escape', swallowed: 0 }
  if (character === '\x9b') return { kind: 'sequence', swallowed: 0 }
  return stringIntroducersC1.includes(character) ? { kind: 'string', swallowed: 0 } : inText
}

function afterEscape(character: string, swallowed: number): Place {
  if (character === '[') return { kind: 'sequence', swallowed: 0 }
  if (stringIntroducers.includes(character)) return { kind: 'string', swallowed: 0 }
  if (character >= ' ' && character <= '/') return { kind: 'escape', swallowed }
  return character >= '0' && character <= '~' ? inText : inTextAgain
}

function afterSequence(character: string, swallowed: number): Place {
  if (character >= ' ' && character <= '?') return { kind: 'sequence', swallowed }
  return character >= '@' && character <= '~' ? inText : inTextAgain
}

function afterString(kind: 'string' | 'string-escape', character: string, swallowed: number): Place {
  // An escape that does not end the string begins a sequence of its own.
  if (kind === 'string-escape') return character === '\\' ? inText : afterEscape(character, 0)
  if (character === '\x1b') return { kind: 'string-escape', swallowed }
  return character === '\x07' || character === '\x9c' ? inText : { kind: 'string', swallowed }
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff
}
