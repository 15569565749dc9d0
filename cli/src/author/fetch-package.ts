import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import { isObject } from '#parse-news'
import type { PluginSource } from './parse-source.ts'
import { runProgram } from './run-program.ts'

/**
 * Nothing of a package runs, and none is built from a repository: npm would start git for that. The folder is npm's by being worked in, and not by `--prefix`: with that npm reads
 * `etc/npmrc` in it as the machine's own settings.
 */
const guards = [
  '--ignore-scripts',
  '--omit=dev',
  '--no-audit',
  '--no-fund',
  '--no-bin-links',
  '--no-workspaces',
  '--no-update-notifier',
  '--git=false',
  '--fetch-retries=1',
  '--fetch-retry-mintimeout=1000',
]

type Package = Extract<PluginSource, { kind: 'npm' }>

/** Fetches an npm package, with what it depends on in its own `node_modules`. */
export async function fetchPackage(
  { name, wanted }: Package,
  scratch: string,
  signal: AbortSignal,
): Promise<{ folder: string; integrity?: string }> {
  await writeFile(join(scratch, 'package.json'), '{"private":true}\n')
  const words = ['install', ...guards, '--install-strategy=nested', `${name}@${wanted}`]
  const { code, stderr } = await runProgram('npm', words, { cwd: scratch, signal })
  if (code !== 0) throw new Failure('request.invalid', toSentence(stderr, `${name}@${wanted}`))
  const folder = join(scratch, 'plugin')
  const integrity = await integrityOf(name, scratch)
  await rename(join(scratch, 'node_modules', name), folder)
  return { folder, ...(integrity === undefined ? {} : { integrity }) }
}

/** Installs what a plugin depends on beside it, by its own lock where it has one. */
export async function installDependencies(folder: string, signal: AbortSignal): Promise<void> {
  // Settings of the repository could name programs for npm to start.
  await rm(join(folder, '.npmrc'), { force: true })
  const isLocked = await stat(join(folder, 'package-lock.json')).then(
    () => true,
    () => false,
  )
  const words = [isLocked ? 'ci' : 'install', ...guards]
  const { code, stderr } = await runProgram('npm', words, { cwd: folder, signal })
  if (code !== 0) throw new Failure('request.invalid', toSentence(stderr, 'what the plugin depends on'))
}

async function integrityOf(name: string, scratch: string): Promise<string | undefined> {
  const lock: unknown = JSON.parse(await readFile(join(scratch, 'package-lock.json'), 'utf8'))
  const packages = isObject(lock) && isObject(lock['packages']) ? lock['packages'] : {}
  const found = packages[`node_modules/${name}`]
  return isObject(found) && typeof found['integrity'] === 'string' ? found['integrity'] : undefined
}

function toSentence(stderr: string, what: string): string {
  const code = /npm (?:error|ERR!) code (\S+)/.exec(stderr)?.[1] ?? ''
  if (code === 'E404') return `npm has no package ${what}.`
  if (code === 'ETARGET') return `npm has no such version: ${what}.`
  if (/^(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ERR_SOCKET_TIMEOUT|ENETUNREACH)$/.test(code))
    return `The npm registry cannot be reached (${code}), so ${what} was not fetched.`
  const lines = stderr.split('\n').flatMap((line) => /^npm (?:error|ERR!) (?!code )(.+)$/.exec(line)?.[1] ?? [])
  return `npm could not fetch ${what}: ${(lines[0] ?? (code || 'it did not say why')).slice(0, 300)}`
}
