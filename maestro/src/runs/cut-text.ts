/** At most so many characters of a text: its beginning and its end, with a note between them of how much was cut. */
export function cutMiddle(text: string, charactersMax: number): string {
  if (text.length <= charactersMax) return text
  const note = `\n[... ${text.length - charactersMax} of ${text.length} characters cut here ...]\n`
  const half = Math.floor((charactersMax - note.length) / 2)
  if (half <= 0) return text.slice(0, charactersMax)
  return `${text.slice(0, half)}${note}${text.slice(-half)}`
}

/** The newest of these lines that fit, oldest first, after a line that says how many do not. */
export function newestLines(lines: readonly string[], charactersMax: number): string {
  const note = (count: number): string => `(${count} earlier ones are not shown)`
  let characters = note(lines.length).length
  let first = lines.length
  for (; first > 0; first -= 1) {
    characters += (lines[first - 1]?.length ?? 0) + 1
    if (characters > charactersMax) break
  }
  if (first === lines.length) return ''
  return [...(first > 0 ? [note(first)] : []), ...lines.slice(first)].join('\n')
}
