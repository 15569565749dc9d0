import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Failure } from '@codegen/protocol/failure'
import { isInside } from '#is-inside'
import { limits } from '#limits'
import { findProgram } from '#sandbox/find-program'
import type { Means } from '#sandbox/means'
import { toSandboxArguments } from '#sandbox/sandbox-arguments'
import type { SandboxView } from '#sandbox/sandbox-arguments'
import type { Containment, Manifest } from './manifest.ts'

/** Which plugin to run and where, and what is to hold it. */
export type ContainedPlugin = {
  readonly manifest: Manifest
  /** Its kept copy, and the folder for what it keeps. */
  readonly folder: string
  readonly dataDir: string
  /** The values it asked for by name. */
  readonly environment: Readonly<Record<string, string>>
  readonly containment: Containment
  readonly means: Means
  /** Folders of codegend's own, which stay hidden although a folder above them is asked for. */
  readonly hidden: readonly string[]
  /** Where programs are looked for. */
  readonly path: string | undefined
  /** Hears what the process prints on stderr, as it comes. */
  printed(text: string): void
}

/**
 * The words that start a plugin's process, its program first. Fails with plugin.broken where that is not there, or the sandbox it was to run in is not: nothing is started
 * with less around it than was said.
 */
export function toCommandLine(plugin: ContainedPlugin): string[] {
  const { means, containment } = plugin
  const words = plugin.manifest.made.kind === 'module' ? toModuleWords(plugin) : toCommandWords(plugin)
  const bounded = [...toBounds(plugin), ...words]
  if (containment !== 'sandbox') {
    return means.setpriv === undefined ? bounded : [means.setpriv, '--pdeathsig', 'KILL', '--', ...bounded]
  }
  if (means.sandbox.kind !== 'works') throw new Failure('plugin.broken', `${means.sandbox.reason}.`)
  return [means.sandbox.program, ...toSandboxArguments(toView(plugin)), '--', ...bounded]
}

/** Where CodeGen's own code lies, which the runner is a part of. */
const runner = fileURLToPath(import.meta.resolve('#plugin-runner'))
const installation = ((): string => {
  const isSource = runner.endsWith('.ts')
  const daemon = isSource ? dirname(dirname(dirname(runner))) : dirname(dirname(runner))
  return isSource ? dirname(daemon) : daemon
})()

/** Node with the runner and the module. What Node's permission model has to hold alone it holds in a sandbox too. */
function toModuleWords({ manifest, folder, dataDir }: ContainedPlugin): string[] {
  const { made, permissions } = manifest
  const main = made.kind === 'module' ? made.main : ''
  const [reads, writes] = [placesOf(permissions.read), placesOf(permissions.write)]
  return [
    process.execPath,
    ...process.execArgv.filter((option) => option.startsWith('--conditions')),
    '--permission',
    ...[installation, folder, dataDir, ...reads, ...writes].map((path) => `--allow-fs-read=${path}`),
    ...[dataDir, ...writes].map((path) => `--allow-fs-write=${path}`),
    `--max-old-space-size=${limits.pluginMemoryMbMax}`,
    '--no-warnings',
    runner,
    join(folder, main),
  ]
}

/** Absolute paths of the machine that a plugin asks for. */
function placesOf(paths: readonly string[]): string[] {
  return paths.filter((path) => path !== 'workspace')
}

const systemPath = '/usr/local/bin:/usr/bin:/bin'

/** In a sandbox there are only the system's programs, the plugin's own, and this Node. */
function toCommandWords({ manifest, folder, containment, path }: ContainedPlugin): string[] {
  const [name = '', ...words] = manifest.made.kind === 'command' ? manifest.made.command : []
  if (name.includes('/')) {
    const program = join(name.startsWith('/') ? '/' : folder, name)
    if (existsSync(program)) return [program, ...words]
    throw new Failure('plugin.broken', `${name} is not there.`)
  }
  if (name === 'node') return [process.execPath, ...words]
  const folders = containment === 'sandbox' ? systemPath : `${systemPath}:${path ?? ''}`
  const program = findProgram(name, folders)
  if (program !== undefined) return [program, ...words]
  const where = containment === 'sandbox' ? `${systemPath}, which is what a plugin in the sandbox sees` : 'PATH'
  throw new Failure('plugin.broken', `The program ${name} is not in ${where}. Install it there.`)
}

/** What the kernel holds each of its processes to. Threads are counted by namespace, so their bound needs one. */
function toBounds({ means: { prlimit }, containment }: ContainedPlugin): string[] {
  if (prlimit === undefined) return []
  const megabytes = (count: number): number => count * 1024 * 1024
  const threads = containment === 'sandbox' ? [`--nproc=${limits.pluginThreadsMax}`] : []
  const writable = `--data=${megabytes(limits.pluginWritableMbMax)}`
  return [prlimit, writable, `--fsize=${megabytes(limits.pluginFileMbMax)}`, '--core=0:0', ...threads, '--']
}

function toView({ manifest, folder, dataDir, hidden }: ContainedPlugin): SandboxView {
  const { made, permissions } = manifest
  const [reads, writes] = [placesOf(permissions.read), placesOf(permissions.write)]
  return {
    readable: [...reads, ...(made.kind === 'module' ? [installation] : []), process.execPath, folder],
    writable: [...writes, dataDir],
    hidden: hidden.filter((below) => [...reads, ...writes].some((place) => isInside(place, below))),
    cwd: folder,
  }
}
