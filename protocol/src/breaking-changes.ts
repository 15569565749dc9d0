/** Published schemas by the name of their file. */
export type Schemas = Readonly<Record<string, unknown>>

type Change = {
  readonly place: string
  /** What a reader of before sends may be refused now, or what is sent now may be refused by a reader of before. */
  readonly refusedBy: 'new' | 'old'
  readonly what: string
}
type Schema = Readonly<Record<string, unknown>>
type Compare = (before: unknown, after: unknown, place: string) => Change[]

/**
 * What a peer of before and a peer of now would refuse of each other, one sentence each. Only new messages and new optional fields of open objects
 * are free: readers ignore what they do not know. All else breaks: what is gone, newly required or optional, or takes more or less than before. A
 * built-in's parameters may take more, because the executor announces them before they are used.
 */
export function breakingChanges(before: Schemas, after: Schemas): string[] {
  return Object.keys(before)
    .flatMap((file) => (file in after ? compareFile(file, before, after) : [refused(file, 'new', 'is gone')]))
    .map((change) => `${change.place} ${change.what}`)
}

function compareFile(file: string, before: Schemas, after: Schemas): Change[] {
  const changes = compareSchemas(before[file], after[file], file)
  return file.startsWith('built-in/') ? changes.filter((change) => change.refusedBy === 'new') : changes
}

function compareSchemas(before: unknown, after: unknown, place: string): Change[] {
  if (!isSchema(before) || !isSchema(after)) return compareAll(before, after, place)
  const words = new Set([...Object.keys(before), ...Object.keys(after)])
  const changes = [...words].flatMap((word) =>
    (comparisons.get(word) ?? compareAll)(before[word], after[word], `${place} (${word})`),
  )
  return [...changes, ...compareFields(before, after, place)]
}

const nothing: Compare = () => []
const compareMembers: Compare = (before, after, place) => {
  if (!isSchema(before) || !isSchema(after)) return compareAll(before, after, place)
  const at = place.replace(/ \([^(]*\)$/, '')
  return Object.keys(before).flatMap((name) =>
    name in after
      ? compareSchemas(before[name], after[name], `${at}.${name}`)
      : [refused(`${at}.${name}`, 'new', 'is gone')],
  )
}

/** How the words of JSON Schema compare; one that is not here may not change at all. */
const comparisons: ReadonlyMap<string, Compare> = new Map<string, Compare>([
  ...['$id', '$schema', 'title', 'description', 'default'].map((word): [string, Compare] => [word, nothing]),
  // With their `required`, see compareFields.
  ...['properties', 'required'].map((word): [string, Compare] => [word, nothing]),
  ...['$defs', 'patternProperties'].map((word): [string, Compare] => [word, compareMembers]),
  ...['minimum', 'minLength', 'minItems'].map((word): [string, Compare] => [word, compareBounds(1)]),
  ...['maximum', 'maxLength', 'maxItems'].map((word): [string, Compare] => [word, compareBounds(-1)]),
  ['items', (before, after, place) => compareSchemas(before, after, place.replace(/ \([^(]*\)$/, '[]'))],
  ['enum', compareEnums],
  ['type', compareTypes],
])

function compareFields(before: Schema, after: Schema, place: string): Change[] {
  const [old, now] = [fieldsOf(before), fieldsOf(after)]
  const isClosed = before['additionalProperties'] === false
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((name) => {
    const at = `${place}.${name}`
    const [was, is] = [old.get(name), now.get(name)]
    if (!is) return [refused(at, 'new', 'is gone')]
    if (!was && is.required) return [refused(at, 'new', 'is new and required')]
    if (!was) return isClosed ? [refused(at, 'old', 'is new in an object that takes no others')] : []
    const changes = compareSchemas(was.schema, is.schema, at)
    if (is.required && !was.required) changes.push(refused(at, 'new', 'is required now'))
    if (was.required && !is.required) changes.push(refused(at, 'old', 'may be absent now'))
    return changes
  })
}

function fieldsOf(schema: Schema): Map<string, { schema: unknown; required: boolean }> {
  const { properties, required } = schema
  const names = new Set(Array.isArray(required) ? required : [])
  const fields = Object.entries(isSchema(properties) ? properties : {})
  return new Map(fields.map(([name, field]) => [name, { schema: field, required: names.has(name) }]))
}

/** `sign` 1: more takes less (a minimum); -1: less takes less (a maximum). An absent one bounds nothing. */
function compareBounds(sign: 1 | -1): Compare {
  return (before, after, place) => {
    const [was, is] = [before, after].map((bound) => (typeof bound === 'number' ? sign * bound : -Infinity))
    if (was === undefined || is === undefined || was === is) return []
    return [refused(place, is > was ? 'new' : 'old', `was ${shown(before)} and is ${shown(after)}`)]
  }
}

function compareEnums(before: unknown, after: unknown, place: string): Change[] {
  if (!Array.isArray(before) || !Array.isArray(after)) return compareAll(before, after, place)
  const gone = before.filter((word) => !after.includes(word))
  const added = after.filter((word) => !before.includes(word))
  return [
    ...gone.map((word) => refused(place, 'new', `does not take ${shown(word)} any more`)),
    ...added.map((word) => refused(place, 'old', `takes ${shown(word)} now, which a peer of before refuses`)),
  ]
}

function compareTypes(before: unknown, after: unknown, place: string): Change[] {
  const isWider = before === 'integer' && after === 'number'
  return isWider ? [refused(place, 'old', 'takes any number now')] : compareAll(before, after, place)
}

function compareAll(before: unknown, after: unknown, place: string): Change[] {
  if (canonical(before) === canonical(after)) return []
  return [refused(place, after === undefined ? 'old' : 'new', `was ${shown(before)} and is ${shown(after)}`)]
}

function refused(place: string, by: Change['refusedBy'], what: string): Change {
  return { place, refusedBy: by, what }
}

/** One text for values that differ only in the order of their keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    isSchema(part) ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1))) : part,
  )
}

function shown(value: unknown): string {
  return value === undefined ? 'not there' : JSON.stringify(value)
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
