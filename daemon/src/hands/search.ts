import { stat } from 'node:fs/promises'
import type { FoundPaths, LineSearch, Search } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'
import { parseGlob } from './glob-pattern.ts'
import { runRipgrep } from './ripgrep.ts'
import type { RipgrepPlace } from './ripgrep.ts'
import { openSearchPlace } from './search-place.ts'
import type { SearchPlace, SearchRoot } from './search-place.ts'

export type SearchOptions = SearchRoot & RipgrepPlace

/** Searches by ripgrep, which is started for each search and gone when it is answered. */
export function createSearch(options: SearchOptions): Search {
  return {
    paths: (wanted) => findPaths(wanted, options),
    async lines(wanted: LineSearch) {
      const { findLines } = await import('./search-lines.ts')
      return findLines(wanted, options)
    },
  }
}

/** Hidden files are searched, links are not followed, and nobody's own settings of git or ripgrep change what is found. */
export const searchFlags = ['--hidden', '--no-follow', '--no-ignore-global', '--no-ignore-dot', '--glob=!.git']

type WantedPaths = { folder: string; glob: string; pathsMax: number }

async function findPaths({ folder, glob, pathsMax }: WantedPaths, options: SearchOptions): Promise<FoundPaths> {
  const pattern = parseGlob(glob)
  await using place = await openSearchPlace(folder, options)
  if (place.isFile) throw new Failure('file.bad_path', `${folder} is a file; name the folder to look in.`)
  const newest: string[] = []
  let [total, scanned] = [0, 0]
  const run = {
    arguments: ['--files', '--null', '--sortr=modified', ...searchFlags, ...place.flags, './'],
    cwd: place.cwd,
    recordEnd: 0,
    onRecord(record: Buffer | undefined) {
      const path = record?.toString().slice('./'.length) ?? ''
      if (path !== '' && pattern.matches(path) && !place.isIgnored(path)) {
        total++
        if (newest.length < pathsMax + limits.searchSameTimeMax) newest.push(path)
      }
      scanned++
      return scanned < limits.searchPathsScannedMax ? ('more' as const) : ('enough' as const)
    },
  }
  const end = await runRipgrep(run, options)
  if (end.kind === 'timeout') throw tooSlow()
  const paths = await inOrder(newest, { place, pathsMax })
  return { paths: paths.map(place.toShown), total, totalIsExact: end.kind === 'done' }
}

/** What a search that found nothing in time fails with. */
export function tooSlow(): Failure {
  const seconds = limits.searchMsMax / 1_000
  return new Failure(
    'tool.timeout',
    `The search found nothing within ${seconds} s and was ended. Name a folder further down.`,
  )
}

/** The newest first, those of the same time by path. What is gone or led elsewhere by now is left out. */
async function inOrder(newest: string[], how: { place: SearchPlace; pathsMax: number }): Promise<string[]> {
  const found: { path: string; modifiedMs: number }[] = []
  for (const path of newest) {
    const last = found[how.pathsMax - 1]
    const modifiedMs = await modifiedAt(path, how.place)
    if (last && modifiedMs !== undefined && modifiedMs < last.modifiedMs) break
    if (modifiedMs !== undefined) found.push({ path, modifiedMs })
  }
  const byTime = found.toSorted((one, other) => other.modifiedMs - one.modifiedMs || (one.path < other.path ? -1 : 1))
  return byTime.slice(0, how.pathsMax).map(({ path }) => path)
}

async function modifiedAt(path: string, place: SearchPlace): Promise<number | undefined> {
  if (!(await place.isStillInside(path))) return undefined
  return stat(place.at(path)).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  )
}
