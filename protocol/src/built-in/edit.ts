import { Type } from 'typebox'
import type { Static } from 'typebox'
import { builtInTool } from './built-in-tool.ts'

/** Replaces an exact piece of a file. */
export const Edit = builtInTool({
  name: 'Edit',
  description:
    'Replace an exact piece of text in a file you have read. old_string must occur exactly once (white space counts, no line numbers) unless replace_all is true. Returns the diff.',
  parameters: Type.Object(
    {
      file_path: Type.String({ minLength: 1, description: 'Path, relative to the project root.' }),
      old_string: Type.String({ description: 'The text to replace, with enough lines around it to be unique.' }),
      new_string: Type.String({ description: 'The text to put there.' }),
      replace_all: Type.Optional(Type.Boolean({ description: 'Replace every occurrence.' })),
    },
    { additionalProperties: false },
  ),
  annotations: { readOnly: false, destructive: true, idempotent: false, openWorld: false },
})
export type EditParameters = Static<typeof Edit.parameters>
