import { Compile } from 'typebox/compile'
import type { Validator } from 'typebox/compile'
import type { TObject } from 'typebox'
import { Failure } from '#failure'
import { limits } from '#limits'
import type { FrameOf, Message } from './message.ts'

/** A frame whose type is not in the table it was read against. */
export type UnknownFrame = { readonly type: string; readonly unknown: true }

/**
 * Makes the one reader of frames for a side of the wire: text -> a typed frame. Unknown types come back as such, unknown fields are
 * ignored, of a duplicate key the last one counts (at both ends), and nothing is coerced. Fails with request.unparsable (not JSON, close 1007), request.malformed (no type or payload, or nested
 * deeper than limits.jsonDepthMax) or message.invalid, naming the field's path.
 */
export function frameReader<const Messages extends readonly Message[]>(
  messages: Messages,
): (text: string) => FrameOf<Messages[number]> | UnknownFrame {
  const byType = new Map(messages.map((known) => [known.type, known]))
  const validators = new Map<string, Validator>()
  return (text) => {
    const frame = parseEnvelope(text)
    const known = byType.get(frame.type)
    if (!known) return { type: frame.type, unknown: true }
    checkPayload(known, frame.payload, validators)
    return isChecked<Messages>(frame) ? frame : { type: frame.type, unknown: true }
  }
}

/** Says of a checked frame what it is: the schema it passed is the one its type is inferred from. */
function isChecked<Messages extends readonly Message[]>(frame: unknown): frame is FrameOf<Messages[number]> {
  return frame !== undefined
}

function parseEnvelope(text: string): { type: string; payload: object } {
  if (isTooDeep(text))
    throw new Failure('request.malformed', `The frame is nested deeper than ${limits.jsonDepthMax} levels.`)
  let frame: unknown
  try {
    frame = JSON.parse(text)
  } catch (cause) {
    throw new Failure('request.unparsable', 'The frame is not JSON.', { cause })
  }
  if (!isObject(frame)) throw new Failure('request.malformed', 'The frame is not a JSON object.')
  const { type, payload } = frame
  if (typeof type !== 'string') throw new Failure('request.malformed', 'The frame has no "type".')
  if (!isObject(payload))
    throw new Failure('request.malformed', `The frame "${type.slice(0, 100)}" has no "payload" object.`)
  return { type, payload }
}

function checkPayload(known: Message, payload: object, validators: Map<string, Validator>): void {
  let validator = validators.get(known.type)
  if (!validator) {
    // Compiled at first use: most processes never see most messages.
    validator = Compile(known.payload satisfies TObject)
    validators.set(known.type, validator)
  }
  if (validator.Check(payload)) return
  const [first] = validator.Errors(payload)
  const path = first?.instancePath.slice(1).replaceAll('/', '.') || 'payload'
  throw new Failure('message.invalid', `${known.type}: "${path}" ${first?.message ?? 'is wrong'}.`)
}

/** JSON.parse would take the whole stack for a frame of brackets; counting them first costs one pass and only for suspicious frames. */
function isTooDeep(text: string): boolean {
  let depth = 0
  let inString = false
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    if (inString) {
      if (code === 0x5c) index += 1
      else if (code === 0x22) inString = false
    } else if (code === 0x22) inString = true
    else if (code === 0x7b || code === 0x5b) {
      depth += 1
      if (depth > limits.jsonDepthMax) return true
    } else if (code === 0x7d || code === 0x5d) depth -= 1
  }
  return false
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
