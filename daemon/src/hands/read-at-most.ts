import type { FileHandle } from 'node:fs/promises'

const firstBytes = 64 * 1024

/** Reads an open regular file from its beginning, to its end or `bytesMax`, whichever comes first; also one that grows or states no size. */
export async function readAtMost(handle: FileHandle, bytesMax: number): Promise<Uint8Array> {
  const { size } = await handle.stat()
  // One byte more than the size, so that the end is seen without growing the buffer.
  let buffer = Buffer.allocUnsafeSlow(Math.min(bytesMax, Math.max(size + 1, firstBytes)))
  let length = 0
  for (;;) {
    const { bytesRead } = await handle.read(buffer, length, buffer.byteLength - length, length)
    length += bytesRead
    if (bytesRead === 0 || length === bytesMax) return buffer.subarray(0, length)
    if (length === buffer.byteLength) {
      const larger = Buffer.allocUnsafeSlow(Math.min(bytesMax, 2 * length))
      larger.set(buffer)
      buffer = larger
    }
  }
}
