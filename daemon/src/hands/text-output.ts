import { StringDecoder } from 'node:string_decoder'
import type { SpawnOptions } from '@codegen/kit'
import { createControlFilter } from '@codegen/kit/strip-controls'
import { limits } from '#limits'
import { createByteRing } from './byte-ring.ts'
import { createKeptOutput } from './kept-output.ts'
import { createLiveOutput } from './live-output.ts'

type Stream = 'stdout' | 'stderr'

/** What a command prints, as text for the model (head and tail) and for whoever watches (pieces). */
export type TextOutput = {
  /** Keeps nothing of `bytes` itself. */
  take(bytes: Buffer, stream: Stream): void
  finish(): { head: string; tail: string; bytesCut: number }
}

/**
 * Reads bytes as UTF-8 without control characters, both streams in the order they came. In a flood only what can still be shown is read: a byte that
 * comes after the head is full and before the tail costs next to nothing.
 */
export function createTextOutput({ charactersMax, onOutput }: SpawnOptions): TextOutput {
  const kept = createKeptOutput(charactersMax)
  const live = onOutput && createLiveOutput(onOutput)
  const backlog = createByteRing<Stream>(charactersMax * utf8BytesMax)
  let readers = createReaders()
  let hasBacklog = false

  function read(text: string, stream: Stream, watched: typeof live): void {
    if (text === '') return
    kept.push(text)
    watched?.push(text, stream)
  }

  function readBacklog(): void {
    if (!hasBacklog) return
    hasBacklog = false
    const { pieces, bytesDropped } = backlog.take()
    if (bytesDropped > 0) {
      kept.skip(bytesDropped)
      readers = createReaders()
    }
    for (const { bytes, stream } of pieces) read(readers[stream].read(bytes), stream, undefined)
  }

  return {
    take(bytes, stream) {
      const isFlood = bytes.length >= limits.floodPieceBytesMin && kept.isHeadFull() && !live?.hasRoom()
      if (isFlood) {
        backlog.push(bytes, stream)
        hasBacklog = true
        live?.skip(bytes.length)
        return
      }
      readBacklog()
      read(readers[stream].read(bytes), stream, live)
    },
    finish() {
      readBacklog()
      for (const stream of ['stdout', 'stderr'] as const) read(readers[stream].end(), stream, live)
      live?.finish()
      return kept.finish()
    },
  }
}

/** Bytes one character may take. */
const utf8BytesMax = 4

type Reader = { read(bytes: Buffer): string; end(): string }

function createReaders(): Record<Stream, Reader> {
  return { stdout: createReader(), stderr: createReader() }
}

function createReader(): Reader {
  const decoder = new StringDecoder('utf8')
  const filter = createControlFilter()
  return {
    read: (bytes) => filter.push(decoder.write(bytes)),
    end: () => filter.push(decoder.end()),
  }
}
