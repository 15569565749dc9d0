import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'
import { isObject } from '#parse-news'
import { toCount } from '#render/numbers'
import { findJsonFault } from './json-fault.ts'
import { readPiped } from './piped-input.ts'

/**
 * The arguments of a tool: the word itself, what is in the file after an @, or for `-` and where there is no word, what is piped in; nothing at all is {}.
 * Fails with request.invalid in one sentence: what is not JSON, and where.
 */
export async function readToolArguments(
  word: string | undefined,
  onWaiting: () => void,
): Promise<Readonly<Record<string, unknown>>> {
  const { name, text } = await readText(word, onWaiting)
  if (text.length > limits.toolArgumentsCharactersMax) throw tooLong(name)
  if (word === undefined && text.trim() === '') return {}
  const found = parse(name, text)
  if (isObject(found)) return found
  throw usage(`${name} are ${kindOf(found)}, and a tool takes an object: '{"name": "value"}'.`)
}

async function readText(word: string | undefined, onWaiting: () => void): Promise<{ name: string; text: string }> {
  if (word?.startsWith('@'))
    return { name: `The arguments in ${word.slice(1)}`, text: await readFileText(word.slice(1)) }
  if (word !== undefined && word !== '-') return { name: 'The arguments', text: word }
  const bytesMax = limits.toolArgumentsCharactersMax * 4
  const text = await readPiped({ mayBeSilent: word === undefined, bytesMax, onWaiting })
  return { name: 'The arguments on standard input', text }
}

async function readFileText(path: string): Promise<string> {
  const { readFile, stat } = process.getBuiltinModule('node:fs/promises')
  try {
    const found = await stat(path)
    if (found.size > limits.toolArgumentsCharactersMax * 4) throw tooLong(`The arguments in ${path}`)
    return (await readFile(path, 'utf8')).replace(/^\ufeff/, '')
  } catch (cause) {
    if (cause instanceof Failure) throw cause
    throw usage(`The file ${path} with the arguments cannot be read (${reasonOf(cause)}).`)
  }
}

function parse(name: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    const position = findJsonFault(text) ?? text.length
    const before = text.slice(0, position)
    const line = before.split('\n').length
    const column = position - before.lastIndexOf('\n')
    const place = line > 1 ? `line ${line}, column ${column}` : `position ${position + 1}`
    const what = position >= text.length ? 'they end too early' : `${JSON.stringify(text[position])} does not fit there`
    throw usage(`${name} are not JSON at ${place}: ${what}.`)
  }
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : 'no reason given'
}

function tooLong(name: string): Failure {
  return usage(`${name} are longer than ${toCount(limits.toolArgumentsCharactersMax)} characters.`)
}

function usage(sentence: string): Failure {
  return new Failure('request.invalid', sentence)
}
