import { lstat, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Where the plugins of a project lie. */
export function pluginsOfProject(project: string): string {
  return join(project, '.codegen', 'plugins')
}

/** The innermost project with plugins of its own that `path` lies in, as a real path. CODEGEN_HOME is no project's. */
export async function findProject(path: string, home: string): Promise<string | undefined> {
  const start = await realpath(path).catch(() => undefined)
  for (let folder = start; folder !== undefined; folder = parentOf(folder)) {
    if (join(folder, '.codegen') === home) continue
    const found = await lstat(pluginsOfProject(folder)).catch(() => undefined)
    if (found?.isDirectory()) return folder
  }
  return undefined
}

function parentOf(folder: string): string | undefined {
  const parent = dirname(folder)
  return parent === folder ? undefined : parent
}
