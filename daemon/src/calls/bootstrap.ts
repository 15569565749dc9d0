import { isDeepStrictEqual } from 'node:util'

/** The four calls every run begins with, as the founding document lists them. */
const bootstrapCalls: readonly { toolName: string; parameters: Readonly<Record<string, unknown>> }[] = [
  { toolName: 'GetWorkingDirectory', parameters: {} },
  { toolName: 'ReadFolder', parameters: { dir_path: '.' } },
  { toolName: 'ReadFile', parameters: { file_path: '.codegen/plan.md' } },
  { toolName: 'Shell', parameters: { command: 'git log --oneline -10' } },
]

/** Whether a call is one of them, parameter for parameter; what the server calls it does not count. */
export function isBootstrapCall(toolName: string, parameters: Readonly<Record<string, unknown>>): boolean {
  return bootstrapCalls.some((call) => call.toolName === toolName && isDeepStrictEqual(call.parameters, parameters))
}
