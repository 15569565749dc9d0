/** windows-1252 from 0x80 to 0x9f, which Latin-1 leaves to control characters; the five bytes it leaves open stand for themselves. */
const upper = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ'
const [upperStart, upperEnd] = [0x80, 0xa0]
const bytesOfUpper = new Map(Array.from(upper, (character, index) => [character.charCodeAt(0), upperStart + index]))

/** Decodes Latin-1 as browsers read it. Every byte is one character. */
export function decodeLatin1(bytes: Uint8Array): string {
  const units = new Uint16Array(bytes.byteLength)
  for (let index = 0; index < bytes.byteLength; index++) {
    const byte = bytes[index] ?? 0
    units[index] = byte >= upperStart && byte < upperEnd ? upper.charCodeAt(byte - upperStart) : byte
  }
  return Buffer.from(units.buffer).toString('utf16le')
}

/** Gives back the bytes; undefined when a character has none. */
export function encodeLatin1(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length)
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    const isPlain = unit < upperStart || (unit >= upperEnd && unit <= 0xff)
    const byte = isPlain ? unit : bytesOfUpper.get(unit)
    if (byte === undefined) return undefined
    bytes[index] = byte
  }
  return bytes
}
