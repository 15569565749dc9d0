import { isAbsolute, join, resolve } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import { expandNamed, expandVariables } from './expand-variables.ts'
import type { HttpServer, McpServer, StdioServer } from './mcp-server.ts'
import { toServerEnvironment } from './server-environment.ts'

/** What is started or dialled in the end: an entry with everything put in. */
export type McpLaunch = StdioLaunch | HttpLaunch

export type StdioLaunch = {
  readonly kind: 'stdio'
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

export type HttpLaunch = {
  readonly kind: 'http'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
}

export type LaunchPlace = {
  /** The kept copy of the plugin's folder; undefined for a file that stands alone. */
  readonly root: string | undefined
  /** A folder of the server's own, which outlives its versions. */
  readonly dataDir: string
  /** codegend's. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Fails with plugin.broken, saying what is wrong with the entry or missing in the environment. */
export function toLaunch({ form, made }: McpServer, place: LaunchPlace): McpLaunch {
  if (made.kind === 'wrong') throw new Failure('plugin.broken', `Its entry cannot be used: ${made.problem}.`)
  const folders = toFolders(place)
  const portable = (text: string): string => expandNamed(text, folders)
  const open = (text: string): string => expandVariables(text, { ...place.environment, ...folders })
  const expand = form === 'portable' ? portable : open
  if (made.kind === 'http') return toHttpLaunch(made, form === 'portable' ? (text) => text : open)
  const env = Object.fromEntries(Object.entries(made.env).map(([name, value]) => [name, expand(value)]))
  return {
    kind: 'stdio',
    command: toCommand(form === 'portable' ? made.command : expand(made.command), place),
    args: made.args.map(expand),
    cwd: toCwd(made.cwd === undefined ? undefined : expand(made.cwd), place),
    env: toServerEnvironment(place.environment, { ...env, ...folders }),
  }
}

/** The names of these folders by the specification, and by the client that had plugins before it. */
function toFolders({ root, dataDir }: LaunchPlace): Record<string, string> {
  if (root === undefined) return {}
  return { PLUGIN_ROOT: root, PLUGIN_DATA: dataDir, CLAUDE_PLUGIN_ROOT: root, CLAUDE_PLUGIN_DATA: dataDir }
}

function toHttpLaunch({ url, headers }: HttpServer, expand: (text: string) => string): HttpLaunch {
  const parsed = URL.parse(expand(url))
  if (!parsed || !['http:', 'https:'].includes(parsed.protocol)) {
    throw new Failure('plugin.broken', 'Its "url" must begin with https:// or http://.')
  }
  if (parsed.username || parsed.password) {
    throw new Failure('plugin.broken', 'Its "url" must hold no password; send it with "headers".')
  }
  const given = Object.entries(headers).map(([name, value]) => [name, expand(value)] as const)
  try {
    return { kind: 'http', url: parsed, headers: Object.fromEntries(new Headers(given.map(([...pair]) => pair))) }
  } catch {
    throw new Failure('plugin.broken', 'Its "headers" are none that HTTP knows.')
  }
}

/** A program inside the plugin is named by a path that begins with a dot; any other is looked for in PATH, or is a path of the machine. */
function toCommand(command: string, { root }: LaunchPlace): string {
  if (!command.startsWith('./') && !command.startsWith('../')) return command
  if (root === undefined) {
    throw new Failure(
      'plugin.broken',
      `Its "command" ${command.slice(0, 200)} must be the name of a program or a whole path.`,
    )
  }
  return inside(root, command, '"command"')
}

function toCwd(cwd: string | undefined, { root, dataDir }: LaunchPlace): string {
  if (cwd === undefined) return root ?? dataDir
  if (root === undefined && isAbsolute(cwd)) return cwd
  if (root === undefined) throw new Failure('plugin.broken', 'Its "cwd" must be a whole path.')
  const isData = cwd === dataDir || cwd.startsWith(`${dataDir}/`)
  return inside(isData ? dataDir : root, cwd, '"cwd"')
}

function inside(folder: string, path: string, what: string): string {
  const whole = isAbsolute(path) ? resolve(path) : join(folder, path)
  if (whole === folder || whole.startsWith(`${folder}/`)) return whole
  throw new Failure('plugin.broken', `Its ${what} ${path.slice(0, 200)} leads out of the plugin.`)
}

/** The line a person would type, to be shown and not to be run. */
export function toCommandLine({ command, args }: StdioServer): string {
  return [command, ...args].map((word) => (/^[\w@%+=:,./${}-]+$/.test(word) ? word : JSON.stringify(word))).join(' ')
}
