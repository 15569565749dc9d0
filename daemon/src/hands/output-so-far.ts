import { open, readdir, rm, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { shownPath, toBytes } from '@codegen/kit'
import { limits } from '#limits'
import { isOutputFileOf } from './output-file.ts'
import { createTextOutput } from './text-output.ts'

/**
 * What the commands of a call had printed when the codegend that ran them ended without a word: the newest file they left in `folder`, without its middle where it is
 * long. A file that is shown whole is removed. Undefined where there is none or it cannot be read.
 */
export async function takeOutputSoFar(folder: string, toolId: string): Promise<string | undefined> {
  try {
    const names = await readdir(folder)
    const files = await Promise.all(
      names.filter((name) => isOutputFileOf(toolId, name)).map((name) => look(join(folder, name))),
    )
    const [newest] = files.toSorted((a, b) => b.changedAtMs - a.changedAtMs)
    return newest && (await takeText(newest))
  } catch {
    // Nothing was printed for long enough to be kept, or somebody cleared it away.
    return undefined
  }
}

type Found = { readonly path: string; readonly bytes: number; readonly changedAtMs: number }

async function look(path: string): Promise<Found> {
  const { size, mtimeMs } = await stat(path)
  return { path, bytes: size, changedAtMs: mtimeMs }
}

async function takeText({ path, bytes }: Found): Promise<string | undefined> {
  await using file = await open(path, 'r')
  const piece = limits.outputSoFarBytesMax / 2
  if (bytes > 2 * piece) {
    const [head, tail] = [await read(file, 0, piece), await read(file, bytes - piece, piece)]
    const [headEnd, tailStart] = [head.lastIndexOf('\n') + 1 || piece, tail.indexOf('\n') + 1]
    const cut = `[${toBytes(bytes - 2 * piece + (piece - headEnd) + tailStart)} cut here; the whole output is in ${shownPath(path)}]`
    const shown = toText(head.subarray(0, headEnd))
    return `${shown}${shown.endsWith('\n') ? '' : '\n'}${cut}\n${toText(tail.subarray(tailStart))}`
  }
  const text = toText(await read(file, 0, bytes))
  await rm(path, { force: true })
  return text === '' ? undefined : text
}

async function read(file: FileHandle, from: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, from)
  return buffer.subarray(0, bytesRead)
}

/** As the tool would have shown it. */
function toText(bytes: Buffer): string {
  const text = createTextOutput({ charactersMax: limits.outputSoFarBytesMax, timeoutMs: 0 })
  text.take(bytes, 'stdout')
  return text.finish().head
}
