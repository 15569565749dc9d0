import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** The `plugins/` of the checkout this codegend runs from, where the packages of the built-in tools lie with their sources. Undefined in an installation. */
export function findCheckoutPlugins(): string | undefined {
  // `src/` or `dist/` in the daemon's package, which lies beside `plugins/`.
  const plugins = join(import.meta.dirname, '..', '..', 'plugins')
  return existsSync(join(plugins, 'kit', 'src')) ? plugins : undefined
}
