import { Type } from 'typebox'
import { builtInTool } from './built-in-tool.ts'

/** Says where the run works. */
export const GetWorkingDirectory = builtInTool({
  name: 'GetWorkingDirectory',
  description: 'Say the absolute path of the folder this run works in.',
  parameters: Type.Object({}, { additionalProperties: false }),
  annotations: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
})
