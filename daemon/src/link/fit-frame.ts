import type { ExecutorFrame, ToolResult } from '@codegen/protocol/wire'
import { cutMiddle } from '#calls/bound-result'

/**
 * The text of a frame in at most `bytesMax` bytes. A result that is too long loses what is structured, then the middle of its text; any other
 * frame that is too long is undefined.
 */
export function fitFrame(frame: ExecutorFrame, bytesMax: number): string | undefined {
  const text = JSON.stringify(frame)
  // Three bytes are the most one UTF-16 unit can take, so that most frames need no counting.
  if (text.length * 3 <= bytesMax || Buffer.byteLength(text) <= bytesMax) return text
  if (frame.type !== 'tool_result') return undefined
  for (const payload of smaller(frame.payload, bytesMax)) {
    const shorter = JSON.stringify({ type: frame.type, payload })
    if (Buffer.byteLength(shorter) <= bytesMax) return shorter
  }
  return undefined
}

function* smaller({ structured: _, ...payload }: ToolResult, bytesMax: number): Generator<ToolResult> {
  yield { ...payload, truncated: true }
  const text = typeof payload.result === 'string' ? payload.result : JSON.stringify(payload.result)
  for (let characters = Math.floor(bytesMax / 2); characters > 64; characters = Math.floor(characters / 2)) {
    yield {
      ...payload,
      result: cutMiddle(text, characters).toWellFormed(),
      truncated: true,
      bytes_total: Buffer.byteLength(text),
    }
  }
  yield { ...payload, result: '', truncated: true }
}
