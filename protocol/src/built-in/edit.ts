import { Type } from 'typebox'
import type { Static } from 'typebox'
import { builtInTool } from './built-in-tool.ts'

/** Replaces an exact piece of a file. */
export const Edit = builtInTool({
  name: 'Edit',
  description:
    'Replace an exact piece of a file you have read. old_string must occur exactly once (white space counts, no line numbers) unless replace_all is true.',
  parameters: Type.Object(
    {
      file_path: Type.String({ minLength: 1, description: 'Relative to the project root.' }),
      old_string: Type.String({ description: 'With enough lines around it to be unique.' }),
      new_string: Type.String(),
      replace_all: Type.Optional(Type.Boolean()),
    },
    { additionalProperties: false },
  ),
  annotations: { readOnly: false, destructive: true, idempotent: false, openWorld: false },
})
export type EditParameters = Static<typeof Edit.parameters>
