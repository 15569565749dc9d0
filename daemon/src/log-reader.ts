import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import type { LogLine } from '@codegen/protocol/local'
import { isWanted, toLogLine } from './log-line.ts'
import type { LogFilter } from './log-line.ts'
import { logFiles } from './log.ts'
import { limits } from './limits.ts'

/** The newest `count` wanted lines of the log at `path`, oldest first, whichever of its files they are in. Reads no more than it must. */
export async function readLastLines(path: string, count: number, filter: LogFilter): Promise<LogLine[]> {
  const found: LogLine[] = []
  if (count === 0) return found
  let bytes = 0
  await using files = await openAll(path)
  for (const file of files.handles) {
    for await (const text of linesFromEnd(file)) {
      const line = toLogLine(text)
      if (!line || !isWanted(line, filter)) continue
      bytes += text.length
      if (bytes > limits.logAnswerBytesMax) return found.toReversed()
      found.push(line)
      if (found.length === count) return found.toReversed()
    }
  }
  return found.toReversed()
}

/** Opened together, so that a rotation meanwhile neither repeats nor loses a line. */
async function openAll(path: string): Promise<{ handles: FileHandle[] } & AsyncDisposable> {
  const opened = await Promise.all(logFiles(path).map((file) => open(file, 'r').catch(() => undefined)))
  const handles = opened.filter((handle) => handle !== undefined)
  const close = async (): Promise<void> => void (await Promise.all(handles.map((handle) => handle.close())))
  return { handles, [Symbol.asyncDispose]: close }
}

async function* linesFromEnd(file: FileHandle): AsyncGenerator<string> {
  let position = (await file.stat()).size
  let rest: Buffer = Buffer.alloc(0)
  while (position > 0) {
    const length = Math.min(limits.logPieceBytes, position)
    position -= length
    const piece = Buffer.alloc(length)
    const { bytesRead } = await file.read(piece, 0, length, position)
    const text = Buffer.concat([piece.subarray(0, bytesRead), rest])
    const begin = position === 0 ? 0 : text.indexOf(0x0a) + 1
    // Without a line's end there is none to give yet.
    if (begin === 0 && position > 0) {
      rest = text
      continue
    }
    rest = text.subarray(0, begin)
    for (const line of text.toString('utf8', begin).split('\n').toReversed()) if (line !== '') yield line
  }
}
