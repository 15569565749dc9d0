import { binaryFile, decodeText, definePlugin, defineTool, readTextFile, shownPath, toBytes } from '@codegen/kit'
import type { DecodedText, FileHead, ToolContext, ToolReturn } from '@codegen/kit'
import { ReadFile } from '@codegen/protocol/built-in'
import type { ReadFileParameters } from '@codegen/protocol/built-in'
import { Failure } from '@codegen/protocol/failure'
import { limits } from './limits.ts'
import { linesInText } from './lines-in-text.ts'
import { cutLine, showLines } from './show-lines.ts'

export default definePlugin([defineTool(ReadFile, readFile)])

/** One line about the file and what of it is shown, then the lines with their numbers. */
async function readFile(parameters: ReadFileParameters, context: ToolContext): Promise<ToolReturn> {
  const { file_path, offset = 1, limit = limits.linesMax } = parameters
  try {
    const file = await readTextFile(context.files, file_path, { shown: true })
    const size = file.bytes.byteLength
    return showLines(linesInText(file.text), { path: file_path, size, encoding: file.encoding, offset, limit })
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'file.too_big') throw error
    return showHugeLine(await context.files.readHead(file_path, { bytesMax: limits.headBytesMax }), file_path, error)
  }
}

/**
 * Of a file that is too big to be read, its first line when that alone is huge, since no other tool cuts a line as well; anything else
 * fails with what it is.
 */
function showHugeLine(head: FileHead, path: string, tooBig: Failure): ToolReturn {
  const decoded = decodeHead(head.bytes)
  if (!decoded) throw binaryFile(path, head.size)
  if (decoded.text.includes('\n')) throw tooBig
  const cut = cutLine(decoded.text, `of ${toBytes(head.size)}`)
  const text = `${shownPath(path)}: ${toBytes(head.size)}, too big to be read whole; the beginning of its first line, which is very long:\n1\t${cut}`
  return { text: text.toWellFormed(), truncated: true, bytesTotal: head.size }
}

/** The head may end within a character: up to three bytes are left out until the rest is text. */
function decodeHead(bytes: Uint8Array): DecodedText | undefined {
  const even = bytes.subarray(0, bytes.byteLength - (bytes.byteLength % 2))
  const attempts = [0, 1, 2, 3].map((bytesCut) => decodeText(even.subarray(0, even.byteLength - bytesCut)))
  return (
    attempts.find((decoded) => decoded?.encoding.name === 'utf-8') ?? attempts.find((decoded) => decoded !== undefined)
  )
}
