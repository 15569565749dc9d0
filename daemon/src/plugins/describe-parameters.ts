/** What a tool takes, in words made of its JSON Schema: `command (string), timeout_ms (integer, optional)`. */
export function describeParameters(schema: Readonly<Record<string, unknown>>): string {
  const { properties, required } = schema
  if (!isRecord(properties) || Object.keys(properties).length === 0) return 'no parameters: {}'
  const needed = Array.isArray(required) ? required : []
  const named = Object.entries(properties).map(([name, property]) => {
    const kind = isRecord(property) ? toKind(property) : 'anything'
    return `${name} (${kind}${needed.includes(name) ? '' : ', optional'})`
  })
  return named.join(', ')
}

function toKind({ type, enum: words }: Readonly<Record<string, unknown>>): string {
  if (Array.isArray(words)) return words.join(' | ')
  return typeof type === 'string' ? type : 'anything'
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
