import { limits as protocolLimits } from '@codegen/protocol/limits'
import { limits } from '#limits'
import { findSchema } from './find-schema.ts'

type Schema = Readonly<Record<string, unknown>>

/** What is no schema, though it stands in one. */
const plainKeywords = new Set(['enum', 'const', 'default', 'examples', 'example', 'required', 'type'])
/** What holds schemas by names of their own. */
const mapKeywords = new Set([
  'properties',
  'patternProperties',
  '$defs',
  'definitions',
  'dependentSchemas',
  'dependencies',
])
/** What people are told; a model reads it too. */
const wordKeywords = new Set(['description', 'title', '$comment'])
/** What says where a schema is from: nothing is fetched, and nothing is looked up by it. */
const originKeywords = new Set(['$schema', '$id', 'id', '$anchor', '$dynamicAnchor'])
/** What would make of a check a promise, or refers by what was left out. */
const refusedKeywords = new Set(['$async', '$dynamicRef', '$recursiveRef'])

/**
 * A foreign tool's schema as a model may be shown it and arguments be checked against it: without controls in its words and without its origin. Undefined when it is of
 * no use: too big, not one of an object, with a reference that leads out of it or nowhere, or with a pattern that is none or too long.
 */
export function toForeignSchema(schema: Schema): Schema | undefined {
  if (Buffer.byteLength(JSON.stringify(schema)) > protocolLimits.customToolSchemaBytesMax) return undefined
  if (schema['type'] !== undefined && schema['type'] !== 'object') return undefined
  const clean = cleanSchema({ type: 'object', ...schema })
  return isObject(clean) && isSound(clean, clean) ? clean : undefined
}

function cleanSchema(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(cleanSchema)
  if (!isObject(value)) return value
  const entries = Object.entries(value).filter(([keyword, inside]) => !isOrigin(keyword, inside))
  return Object.fromEntries(entries.map(([keyword, inside]) => [keyword, cleanKeyword(keyword, inside)]))
}

/** Of a schema, not of a property that happens to be named so: those stand in a map. */
function isOrigin(keyword: string, inside: unknown): boolean {
  return originKeywords.has(keyword) && typeof inside === 'string'
}

function cleanKeyword(keyword: string, inside: unknown): unknown {
  if (plainKeywords.has(keyword)) return inside
  if (wordKeywords.has(keyword)) return typeof inside === 'string' ? toWords(inside) : inside
  if (!mapKeywords.has(keyword) || !isObject(inside)) return cleanSchema(inside)
  return Object.fromEntries(Object.entries(inside).map(([name, schema]) => [name, cleanSchema(schema)]))
}

/** Text of others as a model may read it: one line, and no longer than a description may be. */
export function toWords(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ').slice(0, protocolLimits.toolDescriptionCharactersMax)
}

function isSound(value: unknown, root: Schema): boolean {
  if (Array.isArray(value)) return value.every((inside) => isSound(inside, root))
  if (!isObject(value)) return true
  return Object.entries(value).every(([keyword, inside]) => isSoundKeyword(keyword, inside, root))
}

function isSoundKeyword(keyword: string, inside: unknown, root: Schema): boolean {
  if (refusedKeywords.has(keyword)) return false
  if (plainKeywords.has(keyword) || wordKeywords.has(keyword)) return true
  if (keyword === '$ref') return typeof inside === 'string' && findSchema(root, inside) !== undefined
  if (keyword === 'pattern') return typeof inside === 'string' && isPattern(inside)
  if (!mapKeywords.has(keyword)) return isSound(inside, root)
  if (!isObject(inside)) return false
  if (keyword === 'patternProperties' && !Object.keys(inside).every(isPattern)) return false
  return Object.values(inside).every((schema) => isSound(schema, root))
}

function isPattern(text: string): boolean {
  if (text.length > limits.schemaPatternCharactersMax) return false
  try {
    return new RegExp(text, 'u').source !== ''
  } catch {
    return false
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
