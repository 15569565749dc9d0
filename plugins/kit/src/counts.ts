/** A count in a sentence: `1 line`, `2,000 lines`. */
export function toCount(count: number, word: string): string {
  return `${toDigits(count)} ${word}${count === 1 ? '' : 's'}`
}

/** A size in a sentence: `1,234 bytes`. */
export function toBytes(size: number): string {
  return toCount(size, 'byte')
}

/** A whole number with its thousands apart. `toLocaleString` takes milliseconds for this. */
export function toDigits(count: number): string {
  return String(count).replaceAll(/\B(?=(?:\d{3})+$)/g, ',')
}
