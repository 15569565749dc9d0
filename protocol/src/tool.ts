import { Type } from 'typebox'
import type { Static } from 'typebox'
import { ToolName } from './ids.ts'
import { limits } from './limits.ts'

/** What a tool says about itself. Hints for policy and display: the daemon alone decides what may run. */
export const ToolAnnotations = Type.Object({
  readOnly: Type.Optional(Type.Boolean()),
  destructive: Type.Optional(Type.Boolean()),
  idempotent: Type.Optional(Type.Boolean()),
  openWorld: Type.Optional(Type.Boolean()),
})
export type ToolAnnotations = Static<typeof ToolAnnotations>

/** A JSON Schema as data; of a foreign tool it is untrusted. */
export const JsonSchema = Type.Record(Type.String(), Type.Unknown())
export type JsonSchema = Static<typeof JsonSchema>

/** A tool as it is announced: what a model needs in order to call it. */
export const ToolDefinition = Type.Object({
  name: ToolName,
  description: Type.String({ maxLength: limits.toolDescriptionCharactersMax }),
  parameters: JsonSchema,
  annotations: Type.Optional(ToolAnnotations),
  timeout_ms: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.toolCallMsMax })),
  /** The one folder in and below which runs may use it; absent, all may. */
  root: Type.Optional(Type.String({ minLength: 1, maxLength: 4096, pattern: '^[^\\u0000]+$' })),
})
export type ToolDefinition = Static<typeof ToolDefinition>

/** How a call ended. `success` and `error` are the seed's words, the others are extensions. */
export const ToolStatus = Type.Enum(['success', 'error', 'cancelled', 'denied', 'timeout', 'interrupted'])
export type ToolStatus = Static<typeof ToolStatus>
