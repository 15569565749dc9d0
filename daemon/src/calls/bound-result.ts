import { limits } from '@codegen/protocol/limits'
import type { ToolResult } from '@codegen/protocol/wire'

/** Room for the sentence in the middle of a text that was cut. */
const noticeCharactersMax = 120

/** What a tool answered, as far as it may leave this machine. */
export type Bounded = Pick<ToolResult, 'structured' | 'truncated' | 'bytes_total'> & { result: string }

/**
 * Keeps a result within the wire's bounds: text without its middle where it is too long, and said so; what is structured goes as a whole or
 * not at all. Never cuts a character in two.
 */
export function boundResult(text: string, structured?: unknown): Bounded {
  const cut = text.length > limits.toolResultCharactersMax
  const result = (cut ? cutMiddle(text, limits.toolResultCharactersMax) : text).toWellFormed()
  const fits = structured !== undefined && isJsonWithin(structured, limits.toolResultBytesMax - 3 * result.length)
  return {
    result,
    ...(fits ? { structured } : {}),
    ...(cut ? { truncated: true, bytes_total: Buffer.byteLength(text) } : {}),
  }
}

/** The head and the tail of a text in `charactersMax` characters, with how much is missing between them. */
export function cutMiddle(text: string, charactersMax: number): string {
  const room = Math.max(charactersMax - noticeCharactersMax, 0)
  const headEnd = notInsidePair(text, Math.ceil(room / 2))
  const tailStart = notInsidePair(text, text.length - Math.floor(room / 2))
  const missing = tailStart - headEnd
  return `${text.slice(0, headEnd)}\n[... ${missing} characters left out of ${text.length} ...]\n${text.slice(tailStart)}`
}

function notInsidePair(text: string, index: number): number {
  const before = text.charCodeAt(index - 1)
  return before >= 0xd800 && before <= 0xdbff ? index - 1 : index
}

function isJsonWithin(value: unknown, bytesMax: number): boolean {
  try {
    const json = JSON.stringify(value)
    return json !== undefined && Buffer.byteLength(json) <= bytesMax
  } catch {
    // A circle or a BigInt: it has no JSON at all.
    return false
  }
}
