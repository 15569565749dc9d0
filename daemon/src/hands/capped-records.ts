/** Cuts bytes that come in pieces into records, in memory for one of them. */
export type CappedRecords = {
  /** Hands out each record that ends in these bytes, without its end; undefined for one that was longer than the bound. */
  take(bytes: Buffer): Iterable<Buffer | undefined>
}

/** Records that each end with `end`, of at most `bytesMax` bytes. */
export function createCappedRecords({ end, bytesMax }: { end: number; bytesMax: number }): CappedRecords {
  let pieces: Buffer[] = []
  let size = 0

  function add(piece: Buffer): void {
    size += piece.length
    if (size <= bytesMax) pieces.push(piece)
    else pieces = []
  }

  return {
    *take(bytes) {
      let start = 0
      for (let at = bytes.indexOf(end); at >= 0; at = bytes.indexOf(end, start)) {
        add(bytes.subarray(start, at))
        const record = size > bytesMax ? undefined : Buffer.concat(pieces)
        pieces = []
        size = 0
        start = at + 1
        yield record
      }
      if (start < bytes.length) add(bytes.subarray(start))
    },
  }
}
