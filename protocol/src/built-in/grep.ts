import { Type } from 'typebox'
import type { Static } from 'typebox'
import { builtInTool } from './built-in-tool.ts'

/** Finds lines by what is in them. */
export const Grep = builtInTool({
  name: 'Grep',
  description:
    'Search file contents for a regular expression of ripgrep ((?i) ignores case, \\n spans lines). Binaries, files over 32 MB and what .gitignore names are left out.',
  parameters: Type.Object(
    {
      pattern: Type.String({ minLength: 1 }),
      dir_path: Type.Optional(Type.String({ minLength: 1, description: 'Folder or file; default: the project root.' })),
      glob: Type.Optional(Type.String({ minLength: 1, description: 'Only files like this, as in Glob.' })),
      context: Type.Optional(Type.Integer({ minimum: 0, maximum: 20, description: 'Lines around each.' })),
      max_results: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'Default 100.' })),
    },
    { additionalProperties: false },
  ),
  annotations: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
})
export type GrepParameters = Static<typeof Grep.parameters>
