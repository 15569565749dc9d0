import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { PluginRoot } from '#plugins/plugin-root'
import { builtInPlugins } from './built-in.ts'

/** The `plugins/` of the checkout this codegend runs from, with the packages of the built-in tools beside what was dropped in. None in an installation. */
export function checkoutRoots(): PluginRoot[] {
  // `src/` or `dist/` in the daemon's package, which lies beside `plugins/`.
  const folder = join(import.meta.dirname, '..', '..', 'plugins')
  if (!existsSync(join(folder, 'kit', 'src'))) return []
  return [{ folder, except: new Set(['kit', 'examples', ...builtInPlugins.map(({ name }) => name)]) }]
}
