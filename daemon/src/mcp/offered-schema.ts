import { Failure } from '@codegen/protocol/failure'
import { limits as protocolLimits } from '@codegen/protocol/limits'
import { limits } from '#limits'

type Schema = Readonly<Record<string, unknown>>

/** Keywords whose value is a schema, a list of schemas, or schemas by name. All others are data. */
const single = new Set([
  'items',
  'additionalProperties',
  'not',
  'if',
  'then',
  'else',
  'contains',
  'propertyNames',
  'unevaluatedProperties',
  'unevaluatedItems',
])
const listed = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems', 'items'])
const named = new Set(['properties', 'dependentSchemas'])
const leftOut = new Set([
  '$schema',
  '$id',
  'id',
  '$defs',
  'definitions',
  '$anchor',
  '$comment',
  '$ref',
  '$dynamicRef',
  '$recursiveRef',
  'pattern',
  'patternProperties',
  'format',
])

/**
 * A server's schema as it is offered: what it refers to inside itself is put in its place, and what goes round in a circle is open from there on, since the server checks
 * its parameters itself. A pattern is told in words: a stranger's pattern is not run here. Fails with plugin.broken for what leads out of the schema, is too big or
 * nested too deep.
 */
export function toOfferedSchema(schema: unknown): Record<string, unknown> {
  if (schema !== undefined && !isSchema(schema)) throw broken('is no object')
  const root: Schema = schema ?? {}
  const spent = { nodes: 0 }
  const whole = put(root, { root, spent, depth: 0, above: [] })
  const offered = { ...whole, type: 'object' }
  if (root['type'] !== undefined && root['type'] !== 'object') throw broken('is of something else than an object')
  if (JSON.stringify(offered).length > protocolLimits.customToolSchemaBytesMax) throw tooBig()
  return offered
}

type Place = {
  readonly root: Schema
  readonly spent: { nodes: number }
  readonly depth: number
  /** References that are being put in. */
  readonly above: readonly string[]
}

function put(schema: Schema, place: Place): Record<string, unknown> {
  place.spent.nodes += 1
  // A reference that doubles at every step is small as text and endless when it is put in.
  if (place.spent.nodes > protocolLimits.customToolSchemaBytesMax / 8) throw tooBig()
  if (place.depth > limits.pluginSchemaDepthMax) throw broken('is nested too deep')
  const inner = { ...place, depth: place.depth + 1 }
  const own: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(schema)) {
    if (!leftOut.has(key)) own[key] = putValue(key, value, inner)
  }
  const described = withWords(own, schema)
  const reference = schema['$ref'] ?? schema['$dynamicRef'] ?? schema['$recursiveRef']
  return typeof reference === 'string' ? { ...putReference(reference, inner), ...described } : described
}

function putValue(key: string, value: unknown, place: Place): unknown {
  if (single.has(key) && isSchema(value)) return put(value, place)
  if (listed.has(key) && Array.isArray(value))
    return value.map((one: unknown) => (isSchema(one) ? put(one, place) : one))
  if (!named.has(key) || !isSchema(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, isSchema(one) ? put(one, place) : one]))
}

function putReference(reference: string, place: Place): Record<string, unknown> {
  if (!reference.startsWith('#')) throw broken(`refers to ${reference.slice(0, 100)}, which is not inside it`)
  if (place.above.includes(reference)) return {}
  const found = find(reference, place.root)
  if (!isSchema(found)) throw broken(`refers to ${reference.slice(0, 100)}, which is not there`)
  return put(found, { ...place, above: [...place.above, reference] })
}

function find(reference: string, root: Schema): unknown {
  const path = reference.slice(1).split('/').slice(1)
  let found: unknown = root
  for (const step of path) {
    const key = decode(step).replaceAll('~1', '/').replaceAll('~0', '~')
    found = Array.isArray(found)
      ? found[Number(key)]
      : isSchema(found) && Object.hasOwn(found, key)
        ? found[key]
        : undefined
  }
  // An anchor is a name, not a way.
  return path.length === 0 && reference !== '#' ? undefined : found
}

function decode(step: string): string {
  try {
    return decodeURIComponent(step)
  } catch {
    return step
  }
}

/** What is not checked here is told to the model. */
function withWords(own: Record<string, unknown>, { pattern, format, description }: Schema): Record<string, unknown> {
  const words = [
    typeof description === 'string' ? description : '',
    typeof format === 'string' ? `Format: ${format.slice(0, 100)}.` : '',
    typeof pattern === 'string' ? `Pattern: ${pattern.slice(0, 500)}` : '',
  ]
  const text = words.filter(Boolean).join(' ')
  return text === '' ? own : { ...own, description: text }
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function tooBig(): Failure {
  return broken(`is bigger than ${protocolLimits.customToolSchemaBytesMax} bytes when all it refers to is put in`)
}

function broken(reason: string): Failure {
  return new Failure('plugin.broken', `its schema ${reason}`)
}
