import { pipeline } from 'node:stream'
import type { Duplex, Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'

/** Encodings this end can undo, as they are offered to a server. */
export const acceptedEncodings = 'gzip, deflate, br, zstd'

/**
 * Reads a body up to `bytesMax` bytes, counted after every encoding named by `contentEncoding` was undone, and closes it. Fails with fetch.failed
 * for encodings it does not know and for more than `fetchEncodingsMax` of them; throws what the stream throws.
 */
export async function readBody(
  body: Readable,
  contentEncoding: string,
  bytesMax: number,
): Promise<{ bytes: Uint8Array; truncated: boolean }> {
  // Closing it before its end is no error of anybody's; what breaks before is thrown where it is read.
  body.on('error', () => undefined)
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of decode(body, contentEncoding)) {
      const room = bytesMax - size
      const part = chunk.subarray(0, room)
      chunks.push(part)
      size += part.length
      if (chunk.length > room) return { bytes: Buffer.concat(chunks), truncated: true }
    }
  } finally {
    body.destroy()
  }
  return { bytes: Buffer.concat(chunks), truncated: false }
}

function decode(body: Readable, contentEncoding: string): AsyncIterable<Buffer> {
  const names = contentEncoding
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity')
  if (names.length > limits.fetchEncodingsMax) {
    throw new Failure('fetch.failed', `The answer is compressed ${names.length} times over; it is not read.`)
  }
  const decoders = names.toReversed().map(createDecoder)
  const last = decoders.at(-1)
  if (!last) return body
  // What breaks is thrown where the last stream is read.
  pipeline([body, ...decoders], () => undefined)
  return last
}

function createDecoder(name: string): Duplex {
  switch (name) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip()
    case 'deflate':
      return createInflate()
    case 'br':
      return createBrotliDecompress()
    case 'zstd':
      return createZstdDecompress()
    default:
      throw new Failure('fetch.failed', 'The answer is in an encoding that was not asked for; it is not read.')
  }
}
