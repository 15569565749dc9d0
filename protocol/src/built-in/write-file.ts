import { Type } from 'typebox'
import type { Static } from 'typebox'
import { builtInTool } from './built-in-tool.ts'

/** Creates or replaces a whole file. */
export const WriteFile = builtInTool({
  name: 'WriteFile',
  description: 'Create a file or replace all of it; folders are made. Prefer Edit to change a file.',
  parameters: Type.Object(
    {
      file_path: Type.String({ minLength: 1, description: 'Relative to the project root.' }),
      content: Type.String(),
    },
    { additionalProperties: false },
  ),
  annotations: { readOnly: false, destructive: true, idempotent: true, openWorld: false },
})
export type WriteFileParameters = Static<typeof WriteFile.parameters>
