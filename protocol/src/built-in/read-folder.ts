import { Type } from 'typebox'
import type { Static } from 'typebox'
import { builtInTool } from './built-in-tool.ts'

/** Lists a folder. */
export const ReadFolder = builtInTool({
  name: 'ReadFolder',
  description: 'List a folder, sorted, what .gitignore names left out; folders end in /. At most 1000 entries.',
  parameters: Type.Object(
    {
      dir_path: Type.String({ minLength: 1, description: 'Relative to the project root.' }),
      depth: Type.Optional(Type.Integer({ minimum: 1, maximum: 10, description: 'Levels; default 1.' })),
    },
    { additionalProperties: false },
  ),
  annotations: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
})
export type ReadFolderParameters = Static<typeof ReadFolder.parameters>
