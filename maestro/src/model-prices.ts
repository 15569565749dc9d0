import { Failure } from '@codegen/protocol/failure'

/** What a million tokens of a model cost, in US dollars. */
export type ModelPrice = {
  /** How a model's name begins; '' fits every model. */
  readonly prefix: string
  readonly input: number
  /** Of the input what the provider's cache held. */
  readonly cached: number
  readonly output: number
}

/**
 * Reads `IN/CACHED/OUT` or `IN/OUT` for every model, or several `MODEL=IN/CACHED/OUT` with commas between; MODEL is how a name begins. Fails with config.invalid.
 */
export function parsePrices(text: string): readonly ModelPrice[] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean)
    .map(parsePrice)
}

function parsePrice(entry: string): ModelPrice {
  const at = entry.lastIndexOf('=')
  const figures = entry.slice(at + 1).split('/')
  const [input = NaN, middle = NaN, last] = figures.map(toDollars)
  if (figures.length < 2 || figures.length > 3 || ![input, middle, last ?? 0].every(Number.isFinite)) {
    throw new Failure(
      'config.invalid',
      `CODEGEN_MODEL_PRICE takes dollars a million tokens as IN/CACHED/OUT, such as 1.25/0.125/10 or gpt-5=1.25/0.125/10, not "${entry}".`,
    )
  }
  const prefix = at < 0 ? '' : entry.slice(0, at).trim()
  // Who names no price of the cache pays for what it held like for the rest.
  return last === undefined
    ? { prefix, input, cached: input, output: middle }
    : { prefix, input, cached: middle, output: last }
}

function toDollars(text: string): number {
  return /^\s*\d{1,6}(\.\d{1,6})?\s*$/.test(text) ? Number(text) : NaN
}
