import { Type } from 'typebox'
import type { Static } from 'typebox'
import { builtInTool } from './built-in-tool.ts'

/** Finds files by name. */
export const Glob = builtInTool({
  name: 'Glob',
  description:
    'Find files by a glob such as *.ts (at any depth) or src/**/*.{ts,tsx}, newest first, at most 200; what .gitignore names is left out.',
  parameters: Type.Object(
    {
      pattern: Type.String({ minLength: 1 }),
      dir_path: Type.Optional(Type.String({ minLength: 1, description: 'Default: the project root.' })),
    },
    { additionalProperties: false },
  ),
  annotations: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
})
export type GlobParameters = Static<typeof Glob.parameters>
