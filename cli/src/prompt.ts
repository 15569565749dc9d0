import { fstatSync } from 'node:fs'
import { Failure } from '@codegen/protocol/failure'
import { limits as protocolLimits } from '@codegen/protocol/limits'
import { limits } from '#limits'
import { toCount } from '#render/numbers'

/**
 * The prompt: the words of the command line, then what is piped in. Fails with request.invalid where it is empty, too long or holds control
 * characters.
 */
export async function readPrompt(words: readonly string[], onWaiting: () => void): Promise<string> {
  const written = words.join(' ').trim()
  const piped = await readPiped(written !== '', onWaiting)
  const prompt = [written, piped.replaceAll('\r\n', '\n').trim()].filter(Boolean).join('\n\n')
  const charactersMax = protocolLimits.promptCharactersMax
  if (prompt === '')
    throw new Failure('request.invalid', 'The prompt is empty; write what is to be done: codegen "..."')
  if (prompt.length > charactersMax) {
    throw new Failure(
      'request.invalid',
      `The prompt is longer than ${toCount(charactersMax)} characters; put the text into a file and name that in the prompt.`,
    )
  }
  refuseControls(prompt)
  return prompt
}

// oxlint-disable-next-line no-control-regex -- these are what is refused
const control = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/

function refuseControls(prompt: string): void {
  const position = prompt.search(control)
  if (position === -1) return
  const code = prompt.charCodeAt(position).toString(16).padStart(2, '0')
  throw new Failure(
    'request.invalid',
    `The prompt has a control character (0x${code}) at position ${toCount(position + 1)}; take it out, for example with: tr -d '\\000-\\010\\013-\\037'`,
  )
}

async function readPiped(hasWords: boolean, onWaiting: () => void): Promise<string> {
  const kind = inputKind()
  if (kind === 'none') return ''
  const chunks: Buffer[] = []
  let bytes = 0
  // Another program's socket may stay open for ever without a word; a shell's pipe ends.
  const silence =
    kind === 'socket' && hasWords ? setTimeout(() => process.stdin.destroy(), limits.silentInputMs) : undefined
  const notice = setTimeout(onWaiting, limits.inputNoticeMs)
  try {
    const input: AsyncIterable<Buffer> = process.stdin
    for await (const chunk of input) {
      clearTimeout(silence)
      clearTimeout(notice)
      chunks.push(chunk)
      bytes += chunk.length
      // Four bytes a character at most: what is longer than that is too long however it is read.
      if (bytes > protocolLimits.promptCharactersMax * 4) break
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
