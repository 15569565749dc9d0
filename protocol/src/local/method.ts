import type { Static, TObject, TProperties, TSchema } from 'typebox'
import { Type } from 'typebox'

/** One request of the local socket: its name, what it takes and what it answers. */
export type Method<
  Name extends string = string,
  Parameters extends TObject = TObject,
  Result extends TSchema = TSchema,
> = {
  readonly method: Name
  readonly parameters: Parameters
  readonly result: Result
}

/** Defines a method of the local socket. */
export function method<const Name extends string, Parameters extends TProperties, Result extends TSchema>(
  name: Name,
  parameters: Parameters,
  result: Result,
): Method<Name, TObject<Parameters>, Result> {
  return { method: name, parameters: Type.Object(parameters), result }
}

/** Turns a tuple of methods into a lookup of their types by name. */
export type MethodTypes<Methods extends readonly Method[]> = {
  [M in Methods[number] as M['method']]: { parameters: Static<M['parameters']>; result: Static<M['result']> }
}
