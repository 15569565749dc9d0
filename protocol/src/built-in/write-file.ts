import { Type } from 'typebox'
import type { Static } from 'typebox'
import { builtInTool } from './built-in-tool.ts'

/** Creates or replaces a whole file. */
export const WriteFile = builtInTool({
  name: 'WriteFile',
  description:
    'Create a file or replace all of it; folders are made as needed. Prefer Edit for a change to an existing file. Returns the diff.',
  parameters: Type.Object(
    {
      file_path: Type.String({ minLength: 1, description: 'Path, relative to the project root.' }),
      content: Type.String({ description: 'The whole new content.' }),
    },
    { additionalProperties: false },
  ),
  annotations: { readOnly: false, destructive: true, idempotent: true, openWorld: false },
})
export type WriteFileParameters = Static<typeof WriteFile.parameters>
