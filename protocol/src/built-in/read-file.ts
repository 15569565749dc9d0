import { Type } from 'typebox'
import type { Static } from 'typebox'
import { builtInTool } from './built-in-tool.ts'

/** Reads lines of a text file. */
export const ReadFile = builtInTool({
  name: 'ReadFile',
  description: 'Read a text file with line numbers, at most 2000 lines at a time. Read a file before you edit it.',
  parameters: Type.Object(
    {
      file_path: Type.String({ minLength: 1, description: 'Relative to the project root.' }),
      offset: Type.Optional(Type.Integer({ minimum: 1, description: 'First line, from 1.' })),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 2000, description: 'How many lines.' })),
    },
    { additionalProperties: false },
  ),
  annotations: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
})
export type ReadFileParameters = Static<typeof ReadFile.parameters>
