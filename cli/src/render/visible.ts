import { limits } from '#limits'

/* oxlint-disable no-control-regex -- control characters are what this file is about */
const unseen =
  /[\x00-\x08\x0b-\x1f\x7f-\xa0\xad\u061c\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu
/* oxlint-enable no-control-regex */

/**
 * A text of which nothing is hidden: what could not be seen, or would move what is, is written out as an escape. Newlines and tabs stay; nothing
 * is left out.
 */
export function makeVisible(text: string): string {
  return text.replace(unseen, (character) => {
    const code = character.codePointAt(0) ?? 0
    if (character === '\r') return '\\r'
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`
  })
}

/** The same, with long runs of spaces and of empty lines counted, so that nothing can be pushed out of sight. */
export function makeVisibleWithoutPadding(text: string): string {
  const { paddingMax } = limits
  return makeVisible(text)
    .replace(/(?:\n[ \t]*){2,}/g, (run) => {
      const lines = run.split('\n').length - 2
      return lines <= paddingMax ? run : `\n[${lines} empty lines]\n`
    })
    .replace(/[ \t]+/g, (run) => (run.length <= paddingMax ? run : ` [${run.length} spaces] `))
}

/** One line of at most `charactersMax`, for a text that may be many. */
export function toOneLine(text: string, charactersMax: number): string {
  const [first = '', ...more] = text.trim().split(/[\r\n]+/)
  const line = makeVisible(first.slice(0, charactersMax + 1)).replaceAll('\t', ' ')
  if (line.length > charactersMax) return `${line.slice(0, charactersMax - 1)}…`
  return more.length > 0 ? `${line} …` : line
}
