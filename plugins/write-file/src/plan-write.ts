import { compareWithLastSeen, decodeText, encodeText, limits, lineEndsOf, plainUtf8, withLineEnds } from '@codegen/kit'
import type { FileContent, Files, TextEncoding } from '@codegen/kit'
import type { WriteFileParameters } from '@codegen/protocol/built-in'

/** What a write will do, worked out before anything is touched. `replace-unread`: what is there is no text, or too big to compare. */
export type WritePlan = {
  readonly kind: 'create' | 'replace' | 'replace-unread' | 'keep'
  readonly bytes: Uint8Array
  readonly bytesBefore: number
  /** The texts to compare. */
  readonly before: string
  readonly after: string
  readonly encoding: TextEncoding
  /** The file's encoding so far, when it has no place for some character of the new content. */
  readonly encodingLeft?: TextEncoding
  /** What the file must still be at the moment of the write; null: not there; undefined: anything. */
  readonly ifDigest: string | null | undefined
}

/**
 * Plans to give a file a new content in its own encoding, byte order mark and line ends: `\n` becomes the end that most of its lines have, while a
 * content that brings `\r\n` itself is taken as it is. A file that changed since this run read it is file.changed; one that this run never
 * read may be replaced.
 */
export async function planWrite(parameters: WriteFileParameters, files: Files): Promise<WritePlan> {
  const { file_path: path, content } = parameters
  const stat = await files.stat(path)
  if (!stat) return { ...newContent(content), kind: 'create', bytesBefore: 0, ifDigest: null }
  if (stat.kind === 'file' && stat.size > limits.textBytesMax) {
    return { ...newContent(content), kind: 'replace-unread', bytesBefore: stat.size, ifDigest: undefined }
  }
  const existing = await files.read(path, { bytesMax: limits.textBytesMax, shown: false })
  await compareWithLastSeen(files, path, existing.digest)
  return planReplace(content, existing)
}

function planReplace(content: string, existing: FileContent): WritePlan {
  const bytesBefore = existing.bytes.byteLength
  const ifDigest = existing.digest
  const old = decodeText(existing.bytes)
  if (!old) return { ...newContent(content), kind: 'replace-unread', bytesBefore, ifDigest }

  const after = content.includes('\r\n') ? content : withLineEnds(content, lineEndsOf(old.text).most)
  const bytes = encodeText(after, old.encoding)
  if (!bytes) {
    return {
      ...newContent(after),
      kind: 'replace',
      before: old.text,
      bytesBefore,
      ifDigest,
      encodingLeft: old.encoding,
    }
  }
  const kind = Buffer.compare(bytes, existing.bytes) === 0 ? 'keep' : 'replace'
  return { kind, bytes, bytesBefore, before: old.text, after, encoding: old.encoding, ifDigest }
}

function newContent(content: string) {
  return { bytes: Buffer.from(content), before: '', after: content, encoding: plainUtf8 }
}
