/** What Maestro runs by itself before it plans: the founding document's phase 2, in its order. */
export const bootstrapCommands = [
  { name: 'GetWorkingDirectory', parameters: {} },
  { name: 'ReadFolder', parameters: { dir_path: '.' } },
  { name: 'ReadFile', parameters: { file_path: '.codegen/plan.md' } },
  { name: 'Shell', parameters: { command: 'git log --oneline -10' } },
] as const
