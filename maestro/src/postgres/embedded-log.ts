import { appendFile, rename, stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { limits } from '#limits'

/** Writes what comes in into a file that never exceeds its bound; the part before it is kept beside. Trouble with the file loses lines, no more. */
export function logInto(file: string, source: Readable, onLine: (line: string) => void): void {
  let bytes: number | undefined
  let rest = ''
  let writing = Promise.resolve()
  const write = async (chunk: string): Promise<void> => {
    bytes ??= await stat(file).then(
      (found) => found.size,
      () => 0,
    )
    if (bytes > 0 && bytes + chunk.length > limits.embedded.logBytesMax) {
      await rename(file, `${file}.old`)
      bytes = 0
    }
    bytes += Buffer.byteLength(chunk)
    await appendFile(file, chunk, { mode: 0o600 })
  }

  source.setEncoding('utf8')
  source.on('error', () => {})
  source.on('data', (chunk: string) => {
    source.pause()
    writing = writing
      .then(() => write(chunk))
      .then(
        () => void source.resume(),
        () => void source.resume(),
      )
    const lines = `${rest}${chunk}`.split('\n')
    rest = (lines.pop() ?? '').slice(-10_000)
    for (const line of lines) onLine(line)
  })
}
