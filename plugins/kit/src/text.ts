import { countUtf8, decodeDamagedUtf8, encodeDamagedUtf8 } from './damaged-utf8.ts'
import { decodeLatin1, encodeLatin1 } from './latin1.ts'
import { limits } from './limits.ts'

/**
 * How a file's bytes become text. Each is a bijection on what it decodes, so unchanged text gives back unchanged bytes. `latin1` is Latin-1 as browsers
 * read it (windows-1252); `utf-8-damaged` is UTF-8 with stray bytes, each kept as a lone surrogate.
 */
export type TextEncoding = {
  readonly name: 'utf-8' | 'utf-8-damaged' | 'utf-16le' | 'utf-16be' | 'latin1'
  readonly byteOrderMark: boolean
}
export type DecodedText = { readonly text: string; readonly encoding: TextEncoding }

/** How much of a file its kind is judged by. */
const sampleBytes = 64 * 1024

/** What a new file is written in. */
export const plainUtf8: TextEncoding = { name: 'utf-8', byteOrderMark: false }

/** Reads bytes as text, the byte order mark left out; undefined for what is no text. */
export function decodeText(bytes: Uint8Array): DecodedText | undefined {
  if (startsWith(bytes, [0xef, 0xbb, 0xbf])) return decodeUtf8(bytes.subarray(3), true)
  if (startsWith(bytes, [0xff, 0xfe])) return decodeUtf16(bytes.subarray(2), { name: 'utf-16le', byteOrderMark: true })
  if (startsWith(bytes, [0xfe, 0xff])) return decodeUtf16(bytes.subarray(2), { name: 'utf-16be', byteOrderMark: true })
  if (bytes.includes(0)) return decodeUtf16WithoutMark(bytes)
  return decodeUtf8(bytes, false) ?? decodeOneByteText(bytes)
}

/** Writes text as it was read; undefined when it holds a character that the encoding has no place for. */
export function encodeText(text: string, encoding: TextEncoding): Uint8Array | undefined {
  switch (encoding.name) {
    case 'utf-8':
      return withMark(Buffer.from(text, 'utf8'), encoding, [0xef, 0xbb, 0xbf])
    case 'utf-8-damaged':
      return withMark(encodeDamagedUtf8(text), encoding, [0xef, 0xbb, 0xbf])
    case 'utf-16le':
      return withMark(Buffer.from(text, 'utf16le'), encoding, [0xff, 0xfe])
    case 'utf-16be':
      return withMark(Buffer.from(text, 'utf16le').swap16(), encoding, [0xfe, 0xff])
    case 'latin1':
      return encodeLatin1(text)
  }
}

/** An encoding's name in a sentence. */
export function encodingInWords({ name, byteOrderMark }: TextEncoding): string {
  const words = {
    'utf-8': 'UTF-8',
    'utf-8-damaged': 'UTF-8 with stray bytes',
    'utf-16le': 'UTF-16 LE',
    'utf-16be': 'UTF-16 BE',
    latin1: 'Latin-1',
  }
  return byteOrderMark ? `${words[name]} with a byte order mark` : words[name]
}

function startsWith(bytes: Uint8Array, mark: readonly number[]): boolean {
  return mark.every((byte, index) => bytes[index] === byte)
}

function withMark(bytes: Uint8Array, { byteOrderMark }: TextEncoding, mark: readonly number[]): Uint8Array {
  return byteOrderMark ? Buffer.concat([Uint8Array.from(mark), bytes]) : bytes
}

function decodeUtf8(bytes: Uint8Array, byteOrderMark: boolean): DecodedText | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    return { text, encoding: { name: 'utf-8', byteOrderMark } }
  } catch {
    if (!byteOrderMark || !isMostlyUtf8(bytes) || bytes.includes(0)) return undefined
    return { text: decodeDamagedUtf8(bytes), encoding: { name: 'utf-8-damaged', byteOrderMark } }
  }
}

function decodeUtf16(bytes: Uint8Array, encoding: TextEncoding): DecodedText | undefined {
  if (bytes.byteLength % 2 !== 0) return undefined
  const copy = Buffer.from(bytes)
  const text = (encoding.name === 'utf-16be' ? copy.swap16() : copy).toString('utf16le')
  // A NUL character means UTF-32, or no text at all.
  return text.includes('\0') ? undefined : { text, encoding }
}

/** UTF-16 without a mark gives itself away: in text of mostly Latin letters every second byte is NUL, and only every second. */
function decodeUtf16WithoutMark(bytes: Uint8Array): DecodedText | undefined {
  const sample = bytes.subarray(0, sampleBytes)
  const nuls: [even: number, odd: number] = [0, 0]
  for (const [index, byte] of sample.entries()) if (byte === 0) nuls[index % 2 === 0 ? 0 : 1]++
  const [even, odd] = nuls
  if (Math.min(even, odd) > 0 || Math.max(even, odd) * 8 < sample.byteLength / 2) return undefined
  const name = odd > 0 ? 'utf-16le' : 'utf-16be'
  const decoded = decodeUtf16(bytes, { name, byteOrderMark: false })
  return decoded && decoded.text.isWellFormed() && !looksBinary(decoded.text.slice(0, sampleBytes))
    ? decoded
    : undefined
}

/** Bytes without NUL that are no UTF-8: damaged UTF-8 when most of what is not ASCII still is, else Latin-1. */
function decodeOneByteText(bytes: Uint8Array): DecodedText | undefined {
  if (looksBinary(decodeLatin1(bytes.subarray(0, sampleBytes)))) return undefined
  if (isMostlyUtf8(bytes)) {
    return { text: decodeDamagedUtf8(bytes), encoding: { name: 'utf-8-damaged', byteOrderMark: false } }
  }
  return { text: decodeLatin1(bytes), encoding: { name: 'latin1', byteOrderMark: false } }
}

function isMostlyUtf8(bytes: Uint8Array): boolean {
  const { sequences, strayBytes } = countUtf8(bytes)
  return sequences >= strayBytes && strayBytes <= limits.strayBytesMax
}

/** Compressed and random bytes hold one control character in ten; text that predates UTF-8 hardly any. */
function looksBinary(sample: string): boolean {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  const controls = sample.match(/[\u0000-\u0008\u000e-\u001a\u001c-\u001f\u007f]/g)?.length ?? 0
  return controls * 33 > sample.length
}
