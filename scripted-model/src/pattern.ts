/** Makes a pattern of `/regular expression/flags`, or of plain text that is looked for as it is. Throws a SyntaxError. */
export function toPattern(source: string): RegExp {
  const written = /^\/(.+)\/([a-z]*)$/s.exec(source)
  if (!written) return new RegExp(source.replace(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`))
  const [, body = '', flags = ''] = written
  // A pattern that remembers where it stopped would answer differently to a repeated request.
  return new RegExp(body, flags.replace(/[gy]/g, ''))
}
