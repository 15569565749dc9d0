/** How much of some bytes is UTF-8: characters of more than one byte, and bytes that belong to no character. */
export type Utf8Count = { readonly sequences: number; readonly strayBytes: number }

/** Counts without decoding. */
export function countUtf8(bytes: Uint8Array): Utf8Count {
  let [sequences, strayBytes] = [0, 0]
  for (let at = 0; at < bytes.byteLength;) {
    const length = characterLength(bytes, at)
    if (length > 1) sequences++
    if (length === 0) strayBytes++
    at += length || 1
  }
  return { sequences, strayBytes }
}

/** Decodes what is UTF-8 and keeps each stray byte as the lone surrogate U+DC00 + byte, which no valid UTF-8 decodes to. */
export function decodeDamagedUtf8(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const pieces: string[] = []
  let start = 0
  for (let at = 0; at < buffer.byteLength;) {
    const length = characterLength(buffer, at)
    if (length === 0) {
      pieces.push(buffer.toString('utf8', start, at), String.fromCharCode(0xdc00 + (buffer[at] ?? 0)))
      start = at + 1
    }
    at += length || 1
  }
  return pieces.join('') + buffer.toString('utf8', start)
}

/** Gives back the bytes that `decodeDamagedUtf8` read. */
export function encodeDamagedUtf8(text: string): Uint8Array {
  const pieces: Uint8Array[] = []
  let start = 0
  for (const { index } of text.matchAll(/(?<![\ud800-\udbff])[\udc80-\udcff]/g)) {
    pieces.push(Buffer.from(text.slice(start, index)), Uint8Array.of(text.charCodeAt(index) - 0xdc00))
    start = index + 1
  }
  return Buffer.concat([...pieces, Buffer.from(text.slice(start))])
}

/** How many bytes the character at a place takes, by the table of well-formed sequences of the Unicode standard; 0 where there is none. */
function characterLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0
  if (first < 0x80) return 1
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
  for (let next = 1; next < length; next++) {
    const byte = bytes[at + next] ?? 0
    const [low, high] = next === 1 ? secondByteRange(first) : [0x80, 0xbf]
    if (byte < low || byte > high) return 0
  }
  return length
}

function secondByteRange(first: number): readonly [low: number, high: number] {
  if (first === 0xe0) return [0xa0, 0xbf]
  if (first === 0xed) return [0x80, 0x9f]
  if (first === 0xf0) return [0x90, 0xbf]
  return first === 0xf4 ? [0x80, 0x8f] : [0x80, 0xbf]
}
