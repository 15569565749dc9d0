import { shownPath } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { fits } from './fits.ts'

/** Whether a name, without `/`, is one of those meant. */
export type NamePattern = (name: string) => boolean

/** Reads the part of a glob that is about one name: `*`, `?`, `[a-z]`, `\` before a character. A name that is the text itself is always meant. Fails with tool.bad_arguments. */
export function toNamePattern(text: string): NamePattern {
  const tokens = toTokens(text)
  const takes = (token: Token, character: string) => token.kind === 'one' && token.takes(character)
  return (name) => name === text || fits(tokens, [...name], { isOpen: (token) => token.kind === 'star', takes })
}

/** Where the `]` stands that closes a `[`; the first character in it may be a `]` itself. -1 without one in the same name. */
export function endOfSet(pattern: string, open: number): number {
  const first = open + (/[!^]/.test(pattern[open + 1] ?? '') ? 2 : 1)
  const end = pattern.indexOf(']', first + 1)
  return end < 0 || pattern.slice(open, end).includes('/') ? -1 : end
}

type Token = { kind: 'star' } | { kind: 'one'; takes(character: string): boolean }

function toTokens(text: string): Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < text.length;) {
    const { token, end } = readToken(text, at)
    const isSecondStar = token.kind === 'star' && tokens.at(-1)?.kind === 'star'
    if (!isSecondStar) tokens.push(token)
    at = end
  }
  return tokens
}

function readToken(text: string, at: number): { token: Token; end: number } {
  const character = characterAt(text, at)
  if (character === '*') return { token: { kind: 'star' }, end: at + 1 }
  if (character === '?') return { token: { kind: 'one', takes: () => true }, end: at + 1 }
  if (character === '[') return readSet(text, at)
  const isEscape = character === '\\' && at + 1 < text.length
  const meant = isEscape ? characterAt(text, at + 1) : character
  return { token: { kind: 'one', takes: (one) => one === meant }, end: at + (isEscape ? 1 : 0) + meant.length }
}

function characterAt(text: string, at: number): string {
  return String.fromCodePoint(text.codePointAt(at) ?? 0)
}

function readSet(text: string, open: number): { token: Token; end: number } {
  const close = endOfSet(text, open)
  if (close < 0) throw new Failure('tool.bad_arguments', `The glob part ${shownPath(text)} has a [ without its ].`)
  const isNegated = /[!^]/.test(text[open + 1] ?? '')
  const members = [...text.slice(open + (isNegated ? 2 : 1), close)]
  const ranges: { from: string; to: string }[] = []
  for (let at = 0; at < members.length; at++) {
    const from = members[at] ?? ''
    const to = members[at + 1] === '-' ? members[at + 2] : undefined
    ranges.push({ from, to: to ?? from })
    if (to !== undefined) at += 2
  }
  const holds = (one: string) => ranges.some(({ from, to }) => isBetween(one, from, to))
  return { token: { kind: 'one', takes: (one) => holds(one) !== isNegated }, end: close + 1 }
}

function isBetween(one: string, from: string, to: string): boolean {
  const [at, first, last] = [one, from, to].map((character) => character.codePointAt(0) ?? 0)
  return (at ?? 0) >= (first ?? 0) && (at ?? 0) <= (last ?? 0)
}
