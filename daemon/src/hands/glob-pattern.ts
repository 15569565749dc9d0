import { shownPath } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'
import { expandBraces } from './expand-braces.ts'
import { fits } from './fits.ts'
import { toNamePattern } from './name-pattern.ts'
import type { NamePattern } from './name-pattern.ts'

/** A glob that was understood. */
export type GlobPattern = {
  /** Whether a path, relative and with `/` between names, is one of those meant. Takes time by the product of both lengths at most. */
  matches(path: string): boolean
  /** Globs for names, of which the name of every path that matches fits one; undefined when any name may. */
  readonly names: readonly string[] | undefined
}

/**
 * Reads a glob: `*` and `?` within a name, `**` across folders, `[a-z]`, `[!a]`, `{a,b}`, `\` before a character that is meant as it is, `!` before all that is not meant. Without a `/`
 * it is about names at any depth; `folder/` means all below. A name that is written like that exactly matches too, so that `[id].ts` finds itself. Fails with tool.bad_arguments.
 */
export function parseGlob(pattern: string): GlobPattern {
  refuseSenseless(pattern)
  const isNegated = pattern.startsWith('!')
  const alternatives = expandBraces(isNegated ? pattern.slice(1) : pattern).map(toNames)
  const globs = alternatives.map((names) => names.map((name) => (name === '**' ? '**' : toNamePattern(name))))
  return {
    matches(path) {
      const names = path.split('/')
      return globs.some((glob) => meets(glob, names)) !== isNegated
    },
    names: isNegated ? undefined : lastNames(alternatives),
  }
}

function refuseSenseless(pattern: string): void {
  const shown = shownPath(pattern)
  if (Buffer.byteLength(pattern) > limits.globBytesMax) {
    throw new Failure('tool.bad_arguments', `The glob is longer than ${limits.globBytesMax} bytes. Use a shorter one.`)
  }
  if (pattern.includes('\0')) throw new Failure('tool.bad_arguments', 'The glob holds a NUL character. Remove it.')
  if (pattern.split('/').includes('..')) {
    throw new Failure(
      'tool.bad_arguments',
      `The glob ${shown} leads up with "..", where it finds nothing: name the folder in dir_path.`,
    )
  }
}

/** The names of a glob's path, `**` where folders are left open. */
function toNames(glob: string): string[] {
  const isBelow = glob.endsWith('/')
  const path = glob.replace(/^(\.?\/)+/, '').replace(/\/+$/, '')
  const isAnchored = path !== glob.replace(/\/+$/, '') || path.includes('/') || isBelow
  const names = path.split(/\/+/).filter((name) => name !== '' && name !== '.')
  if (!isAnchored && names[0] !== '**') names.unshift('**')
  // A folder is nothing that is found: what ends open stands for a file in it.
  if (isBelow && names.at(-1) !== '**') names.push('**')
  return names.at(-1) === '**' ? [...names, '*'] : names
}

function lastNames(alternatives: readonly (readonly string[])[]): string[] | undefined {
  const names = new Set(alternatives.map((one) => one.at(-1) ?? '*'))
  const isPlain = [...names].every((name) => name !== '' && name !== '*' && !/[[\]:\\{}]|\*\*/.test(name))
  return isPlain && names.size <= limits.globNamesMax ? [...names] : undefined
}

function meets(glob: readonly (NamePattern | '**')[], names: readonly string[]): boolean {
  const takes = (part: NamePattern | '**', name: string) => part !== '**' && part(name)
  return fits(glob, names, { isOpen: (part) => part === '**', takes })
}
