import { Type } from 'typebox'
import type { Static } from 'typebox'
import { limits } from '#limits'
import { builtInTool } from './built-in-tool.ts'

/** Runs a command with `sh -c`. Ends with its exit code or signal always stated. */
export const Shell = builtInTool({
  name: 'Shell',
  description:
    'Run a command with sh -c: no terminal, no standard input, a fresh shell for each call. Returns stdout and stderr as they came and how it ended; long output is cut in the middle and kept whole in a file.',
  parameters: Type.Object(
    {
      command: Type.String({ minLength: 1 }),
      cwd: Type.Optional(Type.String({ description: 'Default: the project root.' })),
      timeout_ms: Type.Optional(
        Type.Integer({ minimum: 1, maximum: limits.toolCallMsMax, description: 'Default 120000, at most 600000.' }),
      ),
    },
    { additionalProperties: false },
  ),
  annotations: { readOnly: false, destructive: true, idempotent: false, openWorld: true },
})
export type ShellParameters = Static<typeof Shell.parameters>
