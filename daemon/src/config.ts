import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import { findTracesUrl } from '@codegen/tracing/traces-url'
import type { RunMode } from '@codegen/protocol/wire'
import { nearestWord } from './nearest-word.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** A folder for runs that were not started from this machine, and how much is asked in it at the least. */
export type RemoteRoot = { readonly path: string; readonly mode: RunMode }

/** Everything its owner may tell codegend, read once at start. */
export type Config = {
  /** State, journal, log, config.json. Absolute. */
  readonly home: string
  /** Where Maestro is; undefined: codegend starts one of its own. */
  readonly maestroUrl: string | undefined
  /** The token as it is now: a file may be given a new one while codegend runs. */
  readToken(): string | undefined
  /** Folders in which runs may work that were not started from this machine. */
  readonly remoteRoots: readonly RemoteRoot[]
  /** Whether calls may be allowed over the server; denying them always may. */
  readonly remoteApprovals: boolean
  /** Names of environment variables that commands get besides the usual ones. */
  readonly commandEnvironment: readonly string[]
  /** Hosts tools may reach although their addresses are not public. */
  readonly allowedHosts: readonly string[]
  /** Whether no plugin is started where there is no sandbox. */
  readonly requirePluginSandbox: boolean
  /** Where spans are sent; undefined: there are none. */
  readonly tracesUrl: string | undefined
  /** What codegend itself was started with. */
  readonly environment: Environment
  /** What a private Maestro is started with. */
  readonly maestroEnvironment: Environment
}

/**
 * Reads the environment and `config.json` in CODEGEN_HOME. The environment wins. Fails with config.invalid: one sentence that names the
 * variable or key and what to do.
 */
export function loadConfig(environment: Environment): Config {
  const home = toHome(environment)
  const file = readConfigFile(join(home, 'config.json'))
  const tokenFile = file.token_file === undefined ? undefined : resolve(home, file.token_file)
  return {
    home,
    environment,
    tracesUrl: findTracesUrl(environment),
    maestroUrl: environment['CODEGEN_MAESTRO_URL'] || file.maestro_url,
    readToken: tokenReader(environment['CODEGEN_TOKEN'], tokenFile),
    remoteRoots: file.remoteRoots ?? [],
    remoteApprovals: file.remoteApprovals ?? false,
    commandEnvironment: file.env ?? [],
    allowedHosts: file.allowedHosts ?? [],
    requirePluginSandbox: file.requirePluginSandbox ?? false,
    maestroEnvironment: withModel(environment, file.model ?? {}, home),
  }
}

/** Fails when there is no token in the file now; later the last one that was there counts. */
function tokenReader(given: string | undefined, file: string | undefined): () => string | undefined {
  if (given || file === undefined) return () => given || undefined
  let last = readSecret(file, 'token_file')
  return () => (last = readIfThere(file)?.trim() || last)
}

type ConfigFile = {
  maestro_url?: string
  token_file?: string
  remoteRoots?: readonly RemoteRoot[]
  remoteApprovals?: boolean
  env?: readonly string[]
  allowedHosts?: readonly string[]
  requirePluginSandbox?: boolean
  model?: ModelConfig
}
type ModelConfig = { base_url?: string; model?: string; api_key_file?: string }

function toHome(environment: Environment): string {
  const home = environment['CODEGEN_HOME']
  if (home) {
    if (isAbsolute(home)) return resolve(home)
    throw invalid(`CODEGEN_HOME is "${home}", which is not an absolute path. Set it to one, such as /home/me/.codegen.`)
  }
  const user = environment['HOME'] || (process.platform === 'win32' ? homedir() : '')
  if (user && isAbsolute(user)) return join(user, '.codegen')
  throw invalid('HOME is not set, so there is no place for state. Set HOME, or CODEGEN_HOME to a folder of your own.')
}

const keysKnown = [
  'maestro_url',
  'token_file',
  'remoteRoots',
  'remoteApprovals',
  'env',
  'allowedHosts',
  'requirePluginSandbox',
  'model',
]

function readConfigFile(path: string): ConfigFile {
  const text = readIfThere(path)
  if (text === undefined) return {}
  const content = parseJson(text, path)
  const keys = objectOf(content, path, '')
  refuseUnknown(Object.keys(keys), keysKnown, path)
  const model = keys['model'] === undefined ? {} : objectOf(keys['model'], path, 'model')
  const modelKeys = Object.keys(model).map((key) => `model.${key}`)
  refuseUnknown(modelKeys, ['model.base_url', 'model.model', 'model.api_key_file'], path)
  return {
    ...optional('maestro_url', textAt(keys, 'maestro_url', path)),
    ...optional('token_file', textAt(keys, 'token_file', path)),
    ...optional('remoteRoots', remoteRootsAt(keys, path)),
    ...optional('remoteApprovals', flagAt(keys, 'remoteApprovals', path)),
    ...optional('env', listAt(keys, 'env', path)),
    ...optional('allowedHosts', listAt(keys, 'allowedHosts', path)),
    ...optional('requirePluginSandbox', flagAt(keys, 'requirePluginSandbox', path)),
    model: {
      ...optional('base_url', textAt(model, 'base_url', path)),
      ...optional('model', textAt(model, 'model', path)),
      ...optional('api_key_file', textAt(model, 'api_key_file', path)),
    },
  }
}

function withModel(environment: Environment, model: ModelConfig, home: string): Environment {
  const key = model.api_key_file
  return {
    ...environment,
    CODEGEN_HOME: home,
    OPENAI_BASE_URL: environment['OPENAI_BASE_URL'] ?? model.base_url,
    CODEGEN_MODEL: environment['CODEGEN_MODEL'] ?? model.model,
    OPENAI_API_KEY: environment['OPENAI_API_KEY'] ?? (key && readSecret(resolve(home, key), 'model.api_key_file')),
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined
    throw invalid(`${path} cannot be read; see who owns it and its mode.`, error)
  }
}

function readSecret(path: string, key: string): string {
  const text = readIfThere(path)?.trim()
  if (text) return text
  throw invalid(
    `config.json names ${path} as ${key}, but there is nothing in it. Put the secret there or remove the key.`,
  )
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'not JSON'
    throw invalid(`${path} is not JSON (${reason}). Correct it or remove the file.`, error)
  }
}

function objectOf(content: unknown, path: string, key: string): Record<string, unknown> {
  if (isRecord(content)) return content
  throw invalid(key ? `${path}: "${key}" has to be an object.` : `${path} has to hold one JSON object, such as {}.`)
}

function isRecord(content: unknown): content is Record<string, unknown> {
  return typeof content === 'object' && content !== null && !Array.isArray(content)
}

function refuseUnknown(keys: readonly string[], known: readonly string[], path: string): void {
  const unknown = keys.find((key) => !known.includes(key))
  if (unknown === undefined) return
  throw invalid(
    `${path} has an unknown key "${unknown}"; the nearest one there is is "${nearestWord(unknown, known)}".`,
  )
}

function textAt(keys: Record<string, unknown>, key: string, path: string): string | undefined {
  const value = keys[key]
  if (value === undefined || (typeof value === 'string' && value !== '')) return value
  throw invalid(`${path}: "${key}" has to be a text that is not empty.`)
}

function flagAt(keys: Record<string, unknown>, key: string, path: string): boolean | undefined {
  const value = keys[key]
  if (value === undefined || typeof value === 'boolean') return value
  throw invalid(`${path}: "${key}" has to be true or false.`)
}

function listAt(keys: Record<string, unknown>, key: string, path: string): readonly string[] | undefined {
  const value = keys[key]
  if (value === undefined || (Array.isArray(value) && value.every((item) => typeof item === 'string'))) return value
  throw invalid(`${path}: "${key}" has to be a list of texts.`)
}

/** A folder is a text, which asks before each call, or says with its mode how much is asked. */
function remoteRootsAt(keys: Record<string, unknown>, path: string): readonly RemoteRoot[] | undefined {
  const value = keys['remoteRoots']
  if (value === undefined) return undefined
  const wrong = `${path}: "remoteRoots" has to be a list of folders, each "/a/path" or {"path": "/a/path", "mode": "ask", "auto" or "read-only"}.`
  if (!Array.isArray(value)) throw invalid(wrong)
  const roots = value.map((item: unknown) => toRemoteRoot(typeof item === 'string' ? { path: item } : item))
  if (!roots.every((root) => root !== undefined)) throw invalid(wrong)
  const relative = roots.find((root) => !isAbsolute(root.path))
  if (relative === undefined) return roots
  throw invalid(`${path}: "remoteRoots" has "${relative.path}", which is not an absolute path.`)
}

function toRemoteRoot(item: unknown): RemoteRoot | undefined {
  if (!isRecord(item)) return undefined
  const { path, mode = 'ask' } = item
  if (typeof path !== 'string' || (mode !== 'ask' && mode !== 'auto' && mode !== 'read-only')) return undefined
  return Object.keys(item).every((key) => key === 'path' || key === 'mode') ? { path, mode } : undefined
}

function optional<Key extends string, Value>(key: Key, value: Value | undefined): { [K in Key]?: Value } {
  const entry: { [K in Key]?: Value } = {}
  if (value !== undefined) entry[key] = value
  return entry
}

function invalid(message: string, cause?: unknown): Failure {
  return new Failure('config.invalid', message, { cause })
}
