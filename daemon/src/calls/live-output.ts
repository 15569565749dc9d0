import { limits as protocolLimits } from '@codegen/protocol/limits'
import type { OutputStream } from '@codegen/kit'
import type { ToolOutputDelta } from '@codegen/protocol/wire'
import { limits } from '#limits'

/** A call's output on its way to whoever watches. */
export type LiveOutput = {
  add(chunk: string, stream: OutputStream): void
  /** Sends what is left; whatever comes later is dropped. */
  close(): void
}

/** One character is three bytes at most in UTF-8, a surrogate pair four. */
const charactersMax = Math.floor(protocolLimits.outputDeltaBytesMax / 3)

/**
 * Gathers pieces of one stream for some milliseconds into deltas within the wire's limit. `offset` counts the characters of this call's
 * stream before the chunk.
 */
export function createLiveOutput(
  call: { toolId: string; generationId: string },
  send: (delta: ToolOutputDelta) => void,
): LiveOutput {
  const offsets = new Map<OutputStream, number>()
  let gathered: { stream: OutputStream; text: string } | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false

  function flush(): void {
    clearTimeout(timer)
    timer = undefined
    if (!gathered) return
    const { stream, text } = gathered
    gathered = undefined
    for (const chunk of toChunks(text)) {
      const offset = offsets.get(stream) ?? 0
      offsets.set(stream, offset + chunk.length)
      send({ generation_id: call.generationId, tool_id: call.toolId, stream, chunk, offset })
    }
  }

  return {
    add(chunk, stream) {
      if (closed || chunk === '') return
      if (gathered && gathered.stream !== stream) flush()
      gathered = { stream, text: (gathered?.text ?? '') + chunk }
      if (gathered.text.length >= charactersMax) flush()
      else timer ??= setTimeout(flush, limits.outputDeltaMs)
    },
    close() {
      flush()
      closed = true
    },
  }
}

function toChunks(text: string): string[] {
  const chunks: string[] = []
  for (let from = 0; from < text.length;) {
    let to = Math.min(from + charactersMax, text.length)
    if (to < text.length && isHighSurrogate(text.charCodeAt(to - 1))) to -= 1
    chunks.push(text.slice(from, to))
    from = to
  }
  return chunks
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff
}
