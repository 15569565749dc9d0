/** Cuts what comes into lines without their ends. False, and deaf from then on, once a line has more bytes than this. */
export function createLines(bytesMax: number, receive: (line: string) => void): (chunk: Uint8Array) => boolean {
  let parts: Uint8Array[] = []
  let bytes = 0
  let isFull = false
  return (chunk) => {
    let from = 0
    for (let at = chunk.indexOf(newline); at >= 0 && !isFull; at = chunk.indexOf(newline, from)) {
      parts.push(chunk.subarray(from, at))
      const line = Buffer.concat(parts).toString('utf8')
      ;[parts, bytes, from] = [[], 0, at + 1]
      receive(line)
    }
    bytes += chunk.byteLength - from
    isFull ||= bytes > bytesMax
    // The chunk's own bytes may be used again.
    if (!isFull && from < chunk.byteLength) parts.push(Buffer.from(chunk.subarray(from)))
    return !isFull
  }
}

const newline = 0x0a
