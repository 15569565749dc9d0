/** The newest bytes of several streams in fixed memory, in the order they came. */
export type ByteRing<Stream> = {
  /** Copies bytes in; the oldest make room. */
  push(bytes: Buffer, stream: Stream): void
  /** Hands out everything held and how many bytes had to make room since the last time; the ring is empty afterwards. */
  take(): { pieces: { bytes: Buffer; stream: Stream }[]; bytesDropped: number }
}

/** An empty ring for `capacity` bytes; its memory is taken at the first push. */
export function createByteRing<Stream>(capacity: number): ByteRing<Stream> {
  let memory: Buffer | undefined
  let end = 0
  let bytesHeld = 0
  let bytesDropped = 0
  let runs: { length: number; stream: Stream }[] = []

  function dropOldest(bytes: number): void {
    bytesDropped += bytes
    bytesHeld -= bytes
    let left = bytes
    while (left > 0) {
      const oldest = runs[0]
      if (!oldest) return
      const cut = Math.min(oldest.length, left)
      oldest.length -= cut
      left -= cut
      if (oldest.length === 0) runs.shift()
    }
  }

  return {
    push(bytes, stream) {
      memory ??= Buffer.allocUnsafe(capacity)
      const newest = bytes.subarray(Math.max(0, bytes.length - capacity))
      bytesDropped += bytes.length - newest.length
      const beforeWrap = newest.copy(memory, end)
      newest.copy(memory, 0, beforeWrap)
      end = (end + newest.length) % capacity
      bytesHeld += newest.length
      const last = runs.at(-1)
      if (last?.stream === stream) last.length += newest.length
      else runs.push({ length: newest.length, stream })
      if (bytesHeld > capacity) dropOldest(bytesHeld - capacity)
    },
    take() {
      const inOrder = memory ? Buffer.concat([memory.subarray(end), memory.subarray(0, end)]) : Buffer.alloc(0)
      let position = inOrder.length - bytesHeld
      const pieces = runs.map(({ length, stream }) => {
        const bytes = inOrder.subarray(position, position + length)
        position += length
        return { bytes, stream }
      })
      const taken = { pieces, bytesDropped }
      runs = []
      bytesHeld = 0
      bytesDropped = 0
      return taken
    },
  }
}
