import { Failure } from '@codegen/protocol/failure'
import { daemonMethods } from '@codegen/protocol/local'
import type { DaemonMethods } from '@codegen/protocol/local'
import { Compile } from 'typebox/compile'
import type { Validator } from 'typebox/compile'

export type MethodName = keyof DaemonMethods & string

const validators = new Map<string, Validator>()

/** Checks the parameters of a request against its method's schema, compiled at first use. Fails with request.invalid, naming the field. */
export function parseParameters<Name extends MethodName>(
  method: Name,
  parameters: unknown,
): DaemonMethods[Name]['parameters'] {
  const validator = validatorOf(method)
  const given = parameters ?? {}
  if (!validator.Check(given)) {
    const [first] = validator.Errors(given)
    const path = first?.instancePath.slice(1).replaceAll('/', '.')
    const field = path ? `"${path}"` : 'the parameters'
    throw new Failure('request.invalid', `${method}: ${field} ${first?.message ?? 'cannot be used'}.`)
  }
  return given
}

/** Compiles what the first prompt needs, so that it does not wait for it. */
export function prepareParameters(methods: readonly MethodName[]): void {
  for (const method of methods) validatorOf(method)
}

function validatorOf(method: MethodName): Validator {
  const known = validators.get(method)
  if (known) return known
  const schema = daemonMethods.find((candidate) => candidate.method === method)?.parameters
  if (!schema) throw new Failure('method.unknown', `There is no method "${method}".`)
  const validator = Compile(schema)
  validators.set(method, validator)
  return validator
}
