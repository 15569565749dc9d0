/** Where a text may be cut near an index without parting a surrogate pair: the index itself, or the place `before` the pair, else after it. */
export function wholeCharacter(text: string, index: number, side: 'before' | 'after'): number {
  const code = text.charCodeAt(index)
  const isInsidePair = code >= 0xdc00 && code <= 0xdfff && index > 0
  if (!isInsidePair) return index
  return side === 'before' ? index - 1 : index + 1
}
