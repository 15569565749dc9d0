import { Failure } from '@codegen/protocol/failure'
import { limits as protocolLimits } from '@codegen/protocol/limits'
import { toCount } from '#render/numbers'
import { readPiped } from './piped-input.ts'

/**
 * The prompt: the words of the command line, then what is piped in. Fails with request.invalid where it is empty, too long or holds control
 * characters.
 */
export async function readPrompt(words: readonly string[], onWaiting: () => void): Promise<string> {
  const written = words.join(' ').trim()
  // Four bytes a character at most: what is longer than that is too long however it is read.
  const bytesMax = protocolLimits.promptCharactersMax * 4
  const piped = await readPiped({ mayBeSilent: written !== '', bytesMax, onWaiting })
  const prompt = [written, piped.replaceAll('\r\n', '\n').trim()].filter(Boolean).join('\n\n')
  if (prompt === '')
    throw new Failure('request.invalid', 'The prompt is empty; write what is to be done: codegen "..."')
  refuseLength(prompt)
  refuseControls(prompt)
  return prompt
}

/** Fails with request.invalid for a prompt that is too long. */
export function refuseLength(prompt: string): void {
  const charactersMax = protocolLimits.promptCharactersMax
  if (prompt.length > charactersMax) {
    throw new Failure(
      'request.invalid',
      `The prompt is longer than ${toCount(charactersMax)} characters; put the text into a file and name that in the prompt.`,
    )
  }
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
