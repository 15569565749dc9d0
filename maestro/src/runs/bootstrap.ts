/** Where a project's plan is kept: the bootstrap reads it, the agent keeps it. */
export const planPath = '.codegen/plan.md'

/** What Maestro runs by itself before it plans: the founding document's phase 2, in its order. */
export const bootstrapCommands = [
  { name: 'GetWorkingDirectory', parameters: {} },
  { name: 'ReadFolder', parameters: { dir_path: '.' } },
  { name: 'ReadFile', parameters: { file_path: planPath } },
  { name: 'Shell', parameters: { command: 'git log --oneline -10' } },
] as const
