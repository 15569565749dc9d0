import { Type } from 'typebox'
import type { Static, TObject, TProperties } from 'typebox'

/** One kind of message: its name and the schema of its payload. The schema is the JSON Schema that is published. */
export type Message<Name extends string = string, Payload extends TObject = TObject> = {
  readonly type: Name
  readonly payload: Payload
}

/** Defines a message of the wire between executor and Maestro. */
export function message<const Name extends string, Properties extends TProperties>(
  type: Name,
  properties: Properties,
): Message<Name, TObject<Properties>> {
  return { type, payload: Type.Object(properties) }
}

/** A whole frame of a message, as it is written to the socket. */
export type FrameOf<M extends Message> = M extends Message ? { type: M['type']; payload: Static<M['payload']> } : never
