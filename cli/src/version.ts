import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

/** The version of this package: put in by the bundler, else read from package.json. */
export const version: string = process.env['CODEGEN_BUNDLED_VERSION'] ?? readVersion()

function readVersion(): string {
  const content: unknown = JSON.parse(readFileSync(resolve(import.meta.dirname, '../package.json'), 'utf8'))
  if (typeof content === 'object' && content !== null && 'version' in content) return String(content.version)
  return 'unknown'
}
