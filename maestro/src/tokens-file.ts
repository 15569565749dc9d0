import { readFile } from 'node:fs/promises'
import { Failure } from '@codegen/protocol/failure'
import type { Token } from '#http/keyring'
import { limits } from '#limits'

/**
 * Reads a file of tokens, one a line: `TOKEN [name=NAME] [expires=2027-01-31T12:00:00Z]`; what follows a # is for people. Fails with config.invalid: one
 * sentence that names the line, and never what stands in it.
 */
export async function readTokensFile(file: string): Promise<Token[]> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new Failure('config.invalid', `MAESTRO_TOKENS_FILE names ${file}, which cannot be read.`, { cause })
  })
  if (text.length > limits.door.tokensFileBytesMax)
    throw new Failure('config.invalid', `${file} is bigger than ${limits.door.tokensFileBytesMax} characters.`)
  return text.split('\n').flatMap((line, index) => parseLine(line, `line ${index + 1} of ${file}`) ?? [])
}

function parseLine(line: string, where: string): Token | undefined {
  const [text, ...settings] = line.replace(/#.*/, '').trim().split(/\s+/)
  if (!text) return undefined
  if (text.length < 16 || !/^[\x21-\x7e]+$/.test(text))
    throw new Failure('config.invalid', `A token has at least 16 visible characters; ${where} has another.`)
  const token: { text: string; name?: string; expiresAt?: number } = { text }
  for (const setting of settings) {
    const { key, value = '' } = /^(?<key>name|expires)=(?<value>\S+)$/.exec(setting)?.groups ?? {}
    if (key === 'name' && /^[A-Za-z0-9._@-]{1,64}$/.test(value)) token.name = value
    else if (key === 'expires' && !Number.isNaN(Date.parse(value))) token.expiresAt = Date.parse(value)
    else
      throw new Failure(
        'config.invalid',
        `After its token, ${where} takes name=NAME and expires=2027-01-31T12:00:00Z only.`,
      )
  }
  return token
}
