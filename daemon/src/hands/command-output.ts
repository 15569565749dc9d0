import type { Readable } from 'node:stream'
import type { SpawnOptions, SpawnResult } from '@codegen/kit'
import { createOutputFile } from './output-file.ts'
import { createTextOutput } from './text-output.ts'

/** Everything a command prints. */
export type CommandOutput = {
  /** Call once, when no stream will bring more. */
  finish(): Promise<Omit<SpawnResult, 'end' | 'durationMs'>>
}

export type CommandOutputPlace = { outputDir: string; toolId: string; options: SpawnOptions }

/** Reads both streams of a command, to text and to disk, in bounded memory: a slow disk makes the command wait, a slow watcher misses pieces. */
export function readCommandOutput(
  streams: { stdout: Readable; stderr: Readable },
  { outputDir, toolId, options }: CommandOutputPlace,
): CommandOutput {
  const text = createTextOutput(options)
  const file = createOutputFile({
    folder: outputDir,
    toolId,
    bytesInMemory: options.charactersMax,
    onDrain() {
      streams.stdout.resume()
      streams.stderr.resume()
    },
  })
  let bytesTotal = 0

  function read(stream: 'stdout' | 'stderr'): void {
    streams[stream].on('data', (bytes: Buffer) => {
      bytesTotal += bytes.length
      text.take(bytes, stream)
      const goesOn = file.write(bytes, () => free(bytes))
      if (goesOn) return
      streams.stdout.pause()
      streams.stderr.pause()
    })
    // A pipe that breaks has simply no more to say.
    streams[stream].on('error', () => undefined)
  }

  read('stdout')
  read('stderr')
  return {
    async finish() {
      const shown = text.finish()
      const whole = await file.finish(shown.bytesCut > 0)
      return { ...shown, bytesTotal, outputPath: whole?.path, outputPathBytes: whole?.bytes ?? 0 }
    },
  }
}

/**
 * Gives a pipe's buffer back at once. Left to the collector, which counts objects rather than what they hold, a flood of 64 KiB buffers grows the process
 * by 80 MB before the first is collected.
 */
function free(bytes: Buffer): void {
  const { buffer } = bytes
  if (bytes.length === buffer.byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0)
}
