import { Type } from 'typebox'
import type { Static } from 'typebox'
import { builtInTool } from './built-in-tool.ts'

/** Reads or replaces the text on the owner's clipboard. */
export const Clipboard = builtInTool({
  name: 'Clipboard',
  description: "Read or replace the text on the user's clipboard. Reading asks the user each time.",
  parameters: Type.Object(
    {
      action: Type.Enum(['read', 'write'], { type: 'string' }),
      text: Type.Optional(Type.String({ description: 'What to write.' })),
    },
    { additionalProperties: false },
  ),
  annotations: { readOnly: false, destructive: true, idempotent: true, openWorld: false },
})
export type ClipboardParameters = Static<typeof Clipboard.parameters>
