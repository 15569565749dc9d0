import { Type } from 'typebox'
import { ToolAnnotations } from '#tool'
import { method } from './method.ts'

/** Every tool this daemon offers, in the order a model sees them. */
export const ToolsList = method(
  'tools/list',
  {},
  Type.Object({
    tools: Type.Array(
      Type.Object({
        name: Type.String(),
        description: Type.String(),
        annotations: Type.Optional(ToolAnnotations),
        source: Type.String(),
      }),
    ),
  }),
)
