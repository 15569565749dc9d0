import { Type } from 'typebox'
import type { Static } from 'typebox'
import { builtInTool } from './built-in-tool.ts'

/** Changes several files, all or nothing. */
export const ApplyPatch = builtInTool({
  name: 'ApplyPatch',
  description:
    'Change several files at once, all or nothing: *** Begin Patch, sections, *** End Patch. Sections: *** Add File: PATH with + lines; *** Delete File: PATH; *** Update File: PATH, perhaps *** Move to: PATH, with hunks of @@ (or @@ a line above it) and lines that begin with a blank (context), - or +.',
  parameters: Type.Object({ patch: Type.String({ minLength: 1 }) }, { additionalProperties: false }),
  annotations: { readOnly: false, destructive: true, idempotent: false, openWorld: false },
})
export type ApplyPatchParameters = Static<typeof ApplyPatch.parameters>
