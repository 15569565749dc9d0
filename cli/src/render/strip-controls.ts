import { limits } from '#limits'

/**
 * Takes out of a text from elsewhere whatever a terminal would obey: control characters but newline and tab, escape sequences, marks that turn
 * the direction of text. One stripper follows one stream, so a sequence that is cut between two pieces is still seen. No newline is ever lost:
 * a sequence without an end hides no more than its line.
 */
export type ControlStripper = { push(piece: string): string }

type State = 'text' | 'escape' | 'sequence' | 'string' | 'string-escape'

// oxlint-disable-next-line no-control-regex -- control characters are what this file is about
const obeyed = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/
// oxlint-disable-next-line no-control-regex
const intermediate = /[\x20-\x2f]/
const sequenceInside = /[\x20-\x3f]/
const escapeFinal = /[\x30-\x7e]/
const sequenceFinal = /[\x40-\x7e]/
const stringIntroducers = 'PX]^_'
const stringIntroducersC1 = '\x90\x98\x9d\x9e\x9f'

export function createControlStripper(): ControlStripper {
  let state: State = 'text'
  let swallowed = 0
  let heldSurrogate = ''

  /** True when the character belongs to the sequence; false when it is to be read again in the new state. */
  function swallow(character: string): boolean {
    swallowed += 1
    const swallowedMax = state === 'string' ? limits.sequenceStringCharactersMax : limits.sequenceCharactersMax
    if (character === '\n' || swallowed > swallowedMax) return leave()
    if (state === 'escape') return swallowEscape(character)
    if (state === 'sequence') return swallowSequence(character)
    return swallowString(character)
  }

  function swallowEscape(character: string): boolean {
    if (character === '[') return enter('sequence')
    if (stringIntroducers.includes(character)) return enter('string')
    if (intermediate.test(character)) return true
    return leave() || escapeFinal.test(character)
  }

  function swallowSequence(character: string): boolean {
    if (sequenceInside.test(character)) return true
    return leave() || sequenceFinal.test(character)
  }

  function swallowString(character: string): boolean {
    if (state === 'string-escape') {
      if (character === '\\') return leave() || true
      state = 'escape'
      return false
    }
    if (character === '\x1b') state = 'string-escape'
    else if (character === '\x07' || character === '\x9c') state = 'text'
    return true
  }

  function enter(next: State): true {
    state = next
    swallowed = 0
    return true
  }

  function leave(): false {
    state = 'text'
    return false
  }

  function show(character: string): string {
    if (character === '\x1b') enter('escape')
    else if (character === '\x9b') enter('sequence')
    else if (stringIntroducersC1.includes(character)) enter('string')
    return obeyed.test(character) ? '' : character
  }

  function push(piece: string): string {
    const text = heldSurrogate + piece
    heldSurrogate = isHighSurrogate(text.charCodeAt(text.length - 1)) ? text.slice(-1) : ''
    const whole = heldSurrogate ? text.slice(0, -1) : text
    if (state === 'text' && !obeyed.test(whole)) return whole
    let shown = ''
    for (let index = 0; index < whole.length; index += 1) {
      const character = whole.charAt(index)
      if (state === 'text' || !swallow(character)) shown += show(character)
    }
    return shown
  }

  return { push }
}

/** The same for a text that is whole. */
export function stripControls(text: string): string {
  return createControlStripper().push(text)
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff
}
