/** The verb a word was probably meant to be: one letter more, less or other, or two in the wrong order. */
export function nearestVerb(word: string, verbs: readonly string[]): string | undefined {
  return verbs.find((verb) => isSlip(word, verb))
}

function isSlip(word: string, verb: string): boolean {
  if (word === verb) return false
  const start = countSame(word, verb, (text, index) => text.charAt(index))
  const end = countSame(word.slice(start), verb.slice(start), (text, index) => text.charAt(text.length - 1 - index))
  const wordLeft = word.slice(start, word.length - end)
  const verbLeft = verb.slice(start, verb.length - end)
  if (wordLeft.length <= 1 && verbLeft.length <= 1) return true
  return wordLeft.length === 2 && wordLeft === [...verbLeft].toReversed().join('')
}

function countSame(a: string, b: string, at: (text: string, index: number) => string): number {
  let count = 0
  while (count < Math.min(a.length, b.length) && at(a, count) === at(b, count)) count += 1
  return count
}
