import { Ajv } from 'ajv'

/** Judges arguments: undefined when they fit, else one phrase that names the place and the mistake. */
export type ArgumentCheck = (parameters: Record<string, unknown>) => string | undefined

const ajv = new Ajv({
  strict: false,
  coerceTypes: false,
  useDefaults: false,
  validateSchema: true,
  addUsedSchema: false,
})

/** Compiles a tool's schema. Throws when it is no schema, or refers to another document: nothing is ever fetched. */
export function createArgumentCheck(tool: { readonly parameters: object }): ArgumentCheck {
  const validate = ajv.compile(tool.parameters)
  return (parameters) => {
    if (validate(parameters)) return undefined
    const [first] = validate.errors ?? []
    if (!first) return 'the arguments do not fit the schema'
    const place = first.instancePath.slice(1).replaceAll('/', '.')
    const detail = first.keyword === 'additionalProperties' ? ` ("${String(first.params['additionalProperty'])}")` : ''
    return `${place === '' ? 'the arguments' : `"${place}"`} ${first.message ?? 'are wrong'}${detail}`
  }
}
