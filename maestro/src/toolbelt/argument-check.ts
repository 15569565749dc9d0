import { Ajv } from 'ajv'
import { inTime } from './in-time.ts'

/** Judges arguments: undefined when they fit, else one phrase that names the place and the mistake. */
export type ArgumentCheck = (parameters: Record<string, unknown>) => string | undefined

/** What the check of a foreign tool says of any arguments once it was given up. */
export const unusable = 'no arguments can be checked against its schema'

type Tool = { readonly parameters: object }

const options = { strict: false, coerceTypes: false, useDefaults: false, logger: false } as const
/** Knows what a schema is, and compiles none: whatever it compiled it would keep. */
const judge = new Ajv({ ...options, validateSchema: true })

/** Whether it is a schema at all. */
export function isSchema(schema: object): boolean {
  return judge.validateSchema(schema) === true
}

/** Compiles the schema of a tool of ours. Throws when it is none, or refers to another document: nothing is ever fetched. */
export function createArgumentCheck(tool: Tool): ArgumentCheck {
  // One for each: it keeps whatever it compiles.
  const ajv = new Ajv({ ...options, validateSchema: false, meta: false })
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

/**
 * The same for a tool of others, whose schema may be made to take for ever, by its patterns, its references or its mere size: compiling it and each check are
 * broken off when they take longer than limits.argumentCheckMsMax, and no other is tried then.
 */
export function createForeignCheck(tool: Tool): ArgumentCheck {
  let check: ArgumentCheck | undefined
  let isGivenUp = false
  return (parameters) => {
    if (isGivenUp) return unusable
    try {
      return inTime(() => {
        check ??= createArgumentCheck(tool)
        return check(parameters)
      })
    } catch {
      isGivenUp = true
      return unusable
    }
  }
}
