import { planPath } from './bootstrap.ts'

/** Whether a path, as a tool was given it, names the project's plan. */
export function isPlan(path: unknown): boolean {
  if (typeof path !== 'string') return false
  const plain = path.replaceAll('\\', '/').replace(/^(\.\/)+/, '')
  return plain === planPath || plain.endsWith(`/${planPath}`)
}

/** The plan in a result of ReadFile: without the line about the file and without line numbers. */
export function planAsRead(result: string): string {
  const lines = result.split('\n').slice(1)
  return lines.map((line) => line.replace(/^\d+\t/, '')).join('\n')
}

/** The plan after an edit of it. Where the edit cannot be made again it says that the file knows better. */
export function planAfterEdit(plan: string, edit: Readonly<Record<string, unknown>>): string {
  const { old_string: before, new_string: after, replace_all: all } = edit
  if (typeof before !== 'string' || typeof after !== 'string' || before === '') return plan
  if (!plan.includes(before)) return plan.endsWith(changed) ? plan : `${plan}${changed}`
  // A function: a text with $ in it is taken as it is.
  return all === true ? plan.replaceAll(before, () => after) : plan.replace(before, () => after)
}

const changed = '\n[edited since: read the file]'
