/** The word of a list that takes the fewest changed, added or left out letters to get from `word`. The list must not be empty. */
export function nearestWord(word: string, words: readonly string[]): string {
  const [first = '', ...others] = words
  let nearest = { word: first, distance: distanceBetween(word, first) }
  for (const other of others) {
    const distance = distanceBetween(word, other)
    if (distance < nearest.distance) nearest = { word: other, distance }
  }
  return nearest.word
}

function distanceBetween(from: string, to: string): number {
  const [a, b] = [from.toLowerCase(), to.toLowerCase()]
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const changed = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(changed, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
