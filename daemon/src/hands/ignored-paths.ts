import ignore from 'ignore'
import type { Ignore } from 'ignore'

/** What the .gitignore files on the way to a folder name. Paths are relative to the topmost of these folders, with `/` between names. */
export type IgnoredPaths = {
  has(path: string, kind: 'folder' | 'other'): boolean
  /** The same with one more .gitignore, that of `folder` ('' for the topmost). */
  with(folder: string, gitignore: string): IgnoredPaths
}

/** Nothing ignored yet. A later rule wins over an earlier one and a deeper .gitignore over a higher one, as in git. */
export const nothingIgnored: IgnoredPaths = toIgnoredPaths(newRules())

function toIgnoredPaths(rules: Ignore): IgnoredPaths {
  return {
    has: (path, kind) => rules.ignores(kind === 'folder' ? `${path}/` : path),
    with(folder, gitignore) {
      const patterns = gitignore.replace(/^\uFEFF/, '').split(/\r?\n/)
      const below = folder === '' ? patterns : patterns.map((pattern) => toPatternBelow(folder, pattern))
      return toIgnoredPaths(newRules().add(rules).add(below))
    },
  }
}

function newRules(): Ignore {
  return ignore({ ignorecase: process.platform !== 'linux' })
}

/** A pattern of a folder's .gitignore as one of the topmost folder's: `*.log` in `a/b` means `/a/b/**` + `/*.log`. */
function toPatternBelow(folder: string, pattern: string): string {
  if (pattern.trim() === '' || pattern.startsWith('#')) return ''
  const sign = pattern.startsWith('!') ? '!' : ''
  const body = pattern.slice(sign.length)
  const isAnchored = body.replace(/\/\s*$/, '').includes('/')
  const between = isAnchored ? (body.startsWith('/') ? '' : '/') : '/**/'
  return `${sign}/${folder.replaceAll(/[\\*?[\]!# ]/g, '\\$&')}${between}${body}`
}
