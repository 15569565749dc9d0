/** Splits a stream of bytes into its lines. Never holds more than `lineBytesMax` bytes of an unfinished line. */
export type LineSplitter = {
  /** Hands each line that `chunk` completes to `onLine`, without its end. False, and nothing more is read, once a line is too long. */
  push(chunk: Uint8Array): boolean
}

const lineFeed = 0x0a

/** Makes a splitter. Only bytes are cut, so a character that arrives in two chunks is whole again in its line. */
export function createLineSplitter(lineBytesMax: number, onLine: (line: Uint8Array) => void): LineSplitter {
  let held: Uint8Array[] = []
  let heldBytes = 0
  let tooLong = false

  function push(chunk: Uint8Array): boolean {
    let start = 0
    while (!tooLong && start < chunk.length) {
      const end = chunk.indexOf(lineFeed, start)
      const part = chunk.subarray(start, end === -1 ? chunk.length : end)
      if (heldBytes + part.length > lineBytesMax) {
        tooLong = true
        held = []
      } else if (end === -1) {
        // The transport may read its next piece into the same bytes.
        held.push(part.slice())
        heldBytes += part.length
      } else onLine(join(part))
      start = end === -1 ? chunk.length : end + 1
    }
    return !tooLong
  }

  function join(last: Uint8Array): Uint8Array {
    if (heldBytes === 0) return last
    const line = new Uint8Array(heldBytes + last.length)
    let offset = 0
    for (const part of [...held, last]) {
      line.set(part, offset)
      offset += part.length
    }
    held = []
    heldBytes = 0
    return line
  }

  return { push }
}
