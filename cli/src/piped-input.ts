import { fstatSync } from 'node:fs'
import { limits } from '#limits'

export type PipedOptions = {
  /** Nothing has to come: another program's socket is not waited for long. */
  mayBeSilent: boolean
  /** What is beyond is not read. */
  bytesMax: number
  /** It takes long. */
  onWaiting(): void
}

/** What is piped into standard input; empty where nothing is. */
export async function readPiped({ mayBeSilent, bytesMax, onWaiting }: PipedOptions): Promise<string> {
  const kind = inputKind()
  if (kind === 'none') return ''
  const chunks: Buffer[] = []
  let bytes = 0
  // Another program's socket may stay open for ever without a word; a shell's pipe ends.
  const silence =
    kind === 'socket' && mayBeSilent ? setTimeout(() => process.stdin.destroy(), limits.silentInputMs) : undefined
  const notice = setTimeout(onWaiting, limits.inputNoticeMs)
  try {
    const input: AsyncIterable<Buffer> = process.stdin
    for await (const chunk of input) {
      clearTimeout(silence)
      clearTimeout(notice)
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > bytesMax) break
    }
  } catch (cause) {
    if (!process.stdin.destroyed) throw cause
  } finally {
    clearTimeout(silence)
    clearTimeout(notice)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function inputKind(): 'none' | 'pipe' | 'socket' {
  try {
    const input = fstatSync(0)
    if (input.isSocket()) return 'socket'
    return input.isFIFO() || input.isFile() ? 'pipe' : 'none'
  } catch {
    // There is no standard input at all.
    return 'none'
  }
}
