import { decodeText } from '@codegen/kit'
import { limits } from './limits.ts'

/** What a server answered, as text of one kind or as what is none. `type` is its media type as far as that is one, else empty. */
export type Body = { readonly type: string } & (
  | { readonly kind: 'html' | 'text'; readonly text: string }
  | { readonly kind: 'binary' }
)

/**
 * Reads bytes by what their Content-Type says, and by themselves where it says nothing. The encoding is that of a byte order mark, of the header, of the page's
 * own word for it, or the likeliest, in this order.
 */
export function readBody({ bytes, contentType }: { bytes: Uint8Array; contentType: string }): Body {
  const type = toMediaType(contentType)
  if (bytes.length === 0) return { kind: 'text', type, text: '' }
  const text = binaryTypes.test(type) ? undefined : decode(bytes, contentType)
  if (text === undefined) return { kind: 'binary', type }
  const isHtml = htmlTypes.has(type) || (type === '' && /^\s*<(?:!doctype html|html)[\s>]/i.test(text))
  return { kind: isHtml ? 'html' : 'text', type, text }
}

const htmlTypes = new Set(['text/html', 'application/xhtml+xml'])
const binaryTypes = /^(?:(?:image|audio|video|font)\/(?!svg\+xml$)|application\/(?:pdf|zip|gzip|x-tar|wasm)$)/

function toMediaType(contentType: string): string {
  const [type = ''] = contentType.toLowerCase().split(';', 1)
  return /^[\w!#$&^.+-]{1,60}\/[\w!#$&^.+-]{1,60}$/.test(type.trim()) ? type.trim() : ''
}

/** Undefined for what is no text. */
function decode(bytes: Uint8Array, contentType: string): string | undefined {
  const charset = hasMark(bytes) ? undefined : (charsetIn(contentType) ?? charsetIn(beginningOf(bytes)))
  const decoder = charset === undefined ? undefined : createDecoder(charset)
  const text = decoder ? decoder.decode(bytes) : decodeText(bytes)?.text
  return text === undefined || text.includes('\0') ? undefined : text.toWellFormed()
}

function hasMark([first, second, third]: Uint8Array): boolean {
  if (first === 0xef) return second === 0xbb && third === 0xbf
  return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)
}

/** In a header, a meta element or an XML declaration. */
function charsetIn(text: string): string | undefined {
  return /(?:charset|<\?xml[^>]{0,200}encoding)\s{0,20}=\s{0,20}["']?\s{0,20}([\w.:+-]{1,40})/i.exec(text)?.[1]
}

/** Only markup names its encoding within itself. */
function beginningOf(bytes: Uint8Array): string {
  const beginning = Buffer.from(bytes.subarray(0, limits.charsetBytesMax)).toString('latin1')
  return beginning.trimStart().startsWith('<') ? beginning.replace(/utf-16(?:le|be)?/gi, 'utf-8') : ''
}

/** Undefined for an encoding nobody knows. */
function createDecoder(charset: string): InstanceType<typeof TextDecoder> | undefined {
  try {
    return new TextDecoder(charset)
  } catch {
    return undefined
  }
}
