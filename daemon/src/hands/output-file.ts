import { randomBytes } from 'node:crypto'
import { createWriteStream, mkdirSync, rmdirSync, rmSync } from 'node:fs'
import type { WriteStream } from 'node:fs'
import { join } from 'node:path'
import { limits } from '#limits'
import { settlesWithin } from './settles-within.ts'

/** The whole output of one command as raw bytes, on disk only when there is much of it or the command takes long: then it outlives this process. */
export type OutputFile = {
  /**
   * Takes the next bytes. False asks the caller to stop reading until `onDrain`; `onWritten` is called when the bytes are needed no longer, never for
   * those that stay in memory.
   */
  write(bytes: Uint8Array, onWritten: () => void): boolean
  /** Closes the file and says where it is and how many bytes it holds; undefined when there is none. A file that is not `wanted` is removed. */
  finish(wanted: boolean): Promise<{ path: string; bytes: number } | undefined>
}

export type OutputFilePlace = {
  /** Folder for output files; made (0700) on first use. */
  folder: string
  toolId: string
  /** Up to here bytes of a short command stay in memory and no file is made. */
  bytesInMemory: number
  onDrain: () => void
}

/**
 * Gathers bytes in memory up to `bytesInMemory` and for `outputSoonMs`, then in a file of mode 0600 and at most `outputFileBytesMax` bytes. Never fails: where the disk refuses,
 * the file holds less than was written, or there is none.
 */
export function createOutputFile(place: OutputFilePlace): OutputFile {
  let early: Uint8Array[] = []
  let earlyBytes = 0
  let file: OutputFile | undefined
  let isShort = true
  const timer = setTimeout(() => {
    isShort = false
    if (earlyBytes > 0 && !file) moveToDisk()
  }, limits.outputSoonMs)

  function moveToDisk(): boolean {
    file = openFile(place)
    const gathered = Buffer.concat(early)
    early = []
    return file.write(gathered, () => undefined)
  }

  return {
    write(bytes, onWritten) {
      if (file) return file.write(bytes, onWritten)
      early.push(bytes)
      earlyBytes += bytes.length
      return isShort && earlyBytes <= place.bytesInMemory ? true : moveToDisk()
    },
    async finish(wanted) {
      clearTimeout(timer)
      return file?.finish(wanted)
    },
  }
}

/** Whether a file of the output folder is one of this call. */
export function isOutputFileOf(toolId: string, name: string): boolean {
  const stem = toFileName(toolId)
  return name.startsWith(`${stem}-`) && /^-[0-9a-f]{8}\.txt$/.test(name.slice(stem.length))
}

function openFile(place: OutputFilePlace): OutputFile {
  const path = join(place.folder, `${toFileName(place.toolId)}-${randomBytes(4).toString('hex')}.txt`)
  let failed = false
  let bytesWritten = 0
  const stream = openStream(place.folder, path)
  stream?.on('drain', place.onDrain)
  const closed = new Promise<void>((resolve) => {
    if (stream) stream.once('close', resolve)
    else resolve()
  })
  // A full disk must not stop the command: reading goes on, and the file keeps what it has.
  stream?.once('error', () => {
    failed = true
    place.onDrain()
  })

  return {
    write(bytes, onWritten) {
      const room = limits.outputFileBytesMax - bytesWritten
      if (!stream || failed || room <= 0) {
        onWritten()
        return true
      }
      const part = bytes.length > room ? bytes.subarray(0, room) : bytes
      bytesWritten += part.length
      return stream.write(part, onWritten)
    },
    async finish(wanted) {
      if (!stream) return undefined
      stream.end()
      const isClosed = await settlesWithin(closed, limits.outputFileCloseMs)
      if (wanted && (stream.bytesWritten > 0 || !isClosed)) return { path, bytes: stream.bytesWritten }
      rmSync(path, { force: true })
      removeEmpty(place.folder)
      return undefined
    },
  }
}

/** A folder that holds nothing more is not to be counted among those that are kept. */
function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder)
  } catch {
    // Other commands keep theirs in it.
  }
}

function openStream(folder: string, path: string): WriteStream | undefined {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch {
    return undefined
  }
  return createWriteStream(path, { flags: 'wx', mode: 0o600, highWaterMark: limits.outputFileBufferBytes })
}

/** A tool id comes from the server: as a file's name it may hold no separator and no dots. */
function toFileName(toolId: string): string {
  return toolId.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 64)
}
