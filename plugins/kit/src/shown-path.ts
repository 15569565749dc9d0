const [charactersMax, headCharacters, tailCharacters] = [300, 200, 80]

/** A path as it may stand in a sentence or a line: control characters escaped as in JSON, the middle of a very long one left out. */
export function shownPath(path: string): string {
  const isLong = path.length > charactersMax
  const shown = isLong ? `${path.slice(0, headCharacters)}...${path.slice(-tailCharacters)}` : path
  return /[\p{Cc}\p{Zl}\p{Zp}]/u.test(shown) ? JSON.stringify(shown) : shown
}
