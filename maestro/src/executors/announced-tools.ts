import { Failure } from '@codegen/protocol/failure'
import { limits } from '@codegen/protocol/limits'
import type { Handshake } from '@codegen/protocol/wire'

/** The tools an executor says it has: of its handshake, or of a `tools_changed` after it. */
export type AnnouncedTools = Pick<Handshake, 'known_tools' | 'custom_tools'>

/** Why they are not taken, where they are more than limits.customToolsBytesMax. */
export function tooManyBytes({ custom_tools }: AnnouncedTools): Failure | undefined {
  const bytes = Buffer.byteLength(JSON.stringify(custom_tools))
  if (bytes <= limits.customToolsBytesMax) return undefined
  return new Failure('message.too_big', `custom_tools has ${bytes} bytes; ${limits.customToolsBytesMax} is the most.`)
}

/** Their names as they are kept: each once, and without what Postgres cannot keep. */
export function toToolNames({ known_tools }: AnnouncedTools): string[] {
  return [...new Set(known_tools.map((tool) => tool.replaceAll('\0', '').toWellFormed()))]
}
