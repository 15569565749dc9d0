import { statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { Failure } from '@codegen/protocol/failure'

/** Where a plugin is fetched from. */
export type PluginSource =
  | { readonly kind: 'folder'; readonly folder: string }
  | { readonly kind: 'git'; readonly url: string; readonly ref: string | undefined }
  | { readonly kind: 'npm'; readonly name: string; readonly wanted: string }

/** What a person may write for a source. Of a word that could be both, a folder that is there wins over an npm package. Fails with request.invalid. */
export function parseSource(given: string, cwd: string): PluginSource {
  const git = parseGit(given)
  if (git) return git
  const folder = resolve(cwd, given.startsWith('~/') ? join(homedir(), given.slice(2)) : given)
  const isPath = /^(\.{0,2}\/|~\/|\.{1,2}$)/.test(given)
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return { kind: 'folder', folder }
  if (isPath) throw wrong(`There is no folder ${folder}.`)
  const npm = /^((?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~][a-z0-9._~-]*)(?:@([a-zA-Z0-9.^~<>=*+-]{1,100}))?$/.exec(given)
  if (npm?.[1] !== undefined) return { kind: 'npm', name: npm[1], wanted: npm[2] ?? 'latest' }
  throw wrong(
    `"${given.slice(0, 200)}" is no folder, no address of a git repository (https://... or git@..., .git at its end) and no npm package.`,
  )
}

/** As the lock file and the person are shown it. */
export function sourceInWords(source: PluginSource): string {
  if (source.kind === 'folder') return source.folder
  if (source.kind === 'npm') return `npm:${source.name}@${source.wanted}`
  return source.ref === undefined ? source.url : `${source.url}#${source.ref}`
}

function parseGit(given: string): PluginSource | undefined {
  const [address = '', ref, ...more] = given.split('#')
  const url = address.replace(/^git\+/, '')
  const isAddress = /^(https|ssh|file):\/\//.test(url) || /^[\w.-]+@[\w.-]+:[^\s:]/.test(url)
  if (!isAddress) {
    if (/^[a-z+]+:\/\//.test(url))
      throw wrong(`Plugins are fetched by https, ssh or from file://, not from ${url.slice(0, 200)}.`)
    return undefined
  }
  if (URL.parse(url)?.password)
    throw wrong('An address with a password in it would be written into the lock file; use a credential helper.')
  if (more.length > 0 || (ref !== undefined && !/^[\w][\w./-]{0,200}$/.test(ref)))
    throw wrong(`"#${[ref, ...more].join('#').slice(0, 80)}" names no branch, tag or commit.`)
  return { kind: 'git', url, ref }
}

function wrong(sentence: string): Failure {
  return new Failure('request.invalid', sentence)
}
