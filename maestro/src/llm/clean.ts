/** A server's words as part of a sentence of ours: one line, no control characters, no key, no web page, at most so long. */
export function clean(text: string, of: { key: string | undefined; charactersMax: number }): string {
  if (/^\s*</.test(text)) return ''
  const withoutKey = of.key ? text.replaceAll(of.key, '[key]') : text
  // Besides controls everything that moves or hides text on a terminal.
  const oneLine = withoutKey.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim()
  return oneLine.length <= of.charactersMax ? oneLine : `${oneLine.slice(0, of.charactersMax).toWellFormed()}…`
}
