import { Failure } from '@codegen/protocol/failure'
import type { Files } from './context.ts'
import { toBytes } from './counts.ts'
import { limits } from './limits.ts'
import { nearPaths } from './near-names.ts'
import { shownPath } from './shown-path.ts'
import { decodeText, encodeText, encodingInWords } from './text.ts'
import type { DecodedText } from './text.ts'

export type TextFile = DecodedText & { readonly path: string; readonly bytes: Uint8Array; readonly digest: string }

/**
 * Reads a file as text. `shown` says whether the model will see it. Fails as `files.read` does, naming near paths with file.not_found, and with file.binary
 * for what is no text.
 */
export async function readTextFile(files: Files, path: string, { shown }: { shown: boolean }): Promise<TextFile> {
  const content = await files.read(path, { bytesMax: limits.textBytesMax, shown }).catch(async (error: unknown) => {
    throw await withNearPaths(error, files, path)
  })
  const decoded = decodeText(content.bytes)
  if (decoded) return { ...content, ...decoded }
  throw binaryFile(path, content.bytes.byteLength)
}

/** Writes a text as the file it goes into is written. Fails with tool.bad_arguments, naming a character that its encoding has no place for. */
export function encodeLike({ encoding }: DecodedText, text: string, path: string): Uint8Array {
  const bytes = encodeText(text, encoding)
  if (bytes) return bytes
  const character = [...new Set(text)].find((one) => encodeText(one, encoding) === undefined) ?? ''
  throw new Failure(
    'tool.bad_arguments',
    `${shownPath(path)} is ${encodingInWords(encoding)}, which has no place for ${JSON.stringify(character)}; nothing was changed.`,
  )
}

export function binaryFile(path: string, size: number): Failure {
  return new Failure(
    'file.binary',
    `${shownPath(path)} is not text (${toBytes(size)}). Use Shell with file, xxd or strings to look into it.`,
  )
}

async function withNearPaths(error: unknown, files: Files, path: string): Promise<unknown> {
  if (!(error instanceof Failure) || error.code !== 'file.not_found') return error
  const near = await nearPaths(files, path)
  if (near.length === 0) return error
  return new Failure(error.code, `${error.message} Near it: ${near.join(', ')}.`, { cause: error })
}
