import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { ToolContext } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { createPeer } from '@codegen/protocol/peer'
import type { Peer } from '@codegen/protocol/peer'
import { limits } from '#limits'
import { createContextMethods } from './context-methods.ts'
import type { OpenCall } from './context-methods.ts'
import type { Manifest } from './manifest.ts'
import { paceReading } from './pace-reading.ts'
import type { PluginProcess, PluginProgram, ProcessEnd } from './plugin-process.ts'
import type { RunnerMethods } from './runner-messages.ts'
import { parseReturn } from './tool-return.ts'

/** Which plugin to run and where: its kept copy, the folder for what it keeps, and the values it asked for by name. */
export type RunnerPlugin = {
  readonly manifest: Manifest
  readonly folder: string
  readonly dataDir: string
  readonly environment: Readonly<Record<string, string>>
  /** Hears what the process prints on stderr, as it comes. */
  printed(text: string): void
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>

/** How a plugin that is a module is started. */
export function toRunnerProgram(plugin: RunnerPlugin): PluginProgram {
  return {
    name: plugin.manifest.name,
    definitionsFile: `${plugin.folder}.json`,
    start: () => startRunnerProcess(plugin),
  }
}

/** Starts a process with nothing of codegend's: no environment, no other files, no children. */
function startRunnerProcess(plugin: RunnerPlugin): PluginProcess {
  const { manifest } = plugin
  const calls = new Map<string, OpenCall>()
  const child = startChild(plugin)
  const complaint = keepComplaint(child.stderr, plugin.printed)
  let asked = false
  const peer = connect(child, calls)
  const kill = (): boolean => child.kill('SIGKILL')
  const ended = watchEnd(child).then((how): ProcessEnd => {
    peer.close(new Failure('tool.failed', `The plugin ${manifest.name} ended (${how}) before it had answered.`))
    return { asked, how, complaint: complaint() }
  })

  /** One that is given up is a reason to see whether the process is stuck. */
  async function request<Name extends 'call' | 'hook'>(
    name: Name,
    parameters: RunnerMethods[Name]['parameters'],
    signal: AbortSignal,
  ): Promise<unknown> {
    const checkIfStuck = (): void => {
      peer.request('ping', {}, { timeoutMs: limits.pluginPingMsMax }).catch(kill)
    }
    signal.addEventListener('abort', checkIfStuck, { once: true })
    try {
      return await peer.request(name, parameters, { timeoutMs: Infinity, signal })
    } finally {
      signal.removeEventListener('abort', checkIfStuck)
    }
  }

  return {
    ended,
    end() {
      asked = true
      kill()
    },
    async describe() {
      try {
        return await peer.request('describe', {}, { timeoutMs: limits.pluginDescribeMsMax })
      } catch (failure) {
        kill()
        throw toBroken(failure, plugin, await ended)
      }
    },
    async call(tool, { parameters, context, readOnly }) {
      const callId = randomUUID()
      const { permissions } = manifest
      calls.set(callId, { context, permissions, readOnly, told: peer.notify })
      try {
        const call = { call_id: callId, tool, parameters, place: toPlace(context, plugin) }
        return parseReturn(tool, await request('call', call, context.signal))
      } finally {
        calls.delete(callId)
      }
    },
    hook({ call, ...rest }, signal) {
      return request('hook', { ...rest, call: { ...call, dataDir: plugin.dataDir } }, signal)
    },
  }
}

function startChild({ manifest, folder, dataDir, environment }: RunnerPlugin): Child {
  const runner = fileURLToPath(import.meta.resolve('#plugin-runner'))
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const { read, write } = manifest.permissions
  const places = (paths: readonly string[]): string[] => paths.filter((path) => path !== 'workspace')
  const readable = [installationOf(runner), folder, dataDir, ...places(read), ...places(write)]
  const options = [
    ...process.execArgv.filter((option) => option.startsWith('--conditions')),
    '--permission',
    ...readable.map((path) => `--allow-fs-read=${path}`),
    ...[dataDir, ...places(write)].map((path) => `--allow-fs-write=${path}`),
    `--max-old-space-size=${limits.pluginMemoryMbMax}`,
    '--no-warnings',
  ]
  const main = `${folder}/${manifest.main}`
  return spawn(process.execPath, [...options, runner, main], {
    cwd: folder,
    env: environment,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
}

/** Where CodeGen's own code lies, which the runner is a part of. */
function installationOf(runner: string): string {
  const isSource = runner.endsWith('.ts')
  const daemon = isSource ? dirname(dirname(dirname(runner))) : dirname(dirname(runner))
  return isSource ? dirname(daemon) : daemon
}

function connect(child: Child, calls: ReadonlyMap<string, OpenCall>): Peer<RunnerMethods> {
  const find = (callId: string): OpenCall | undefined => calls.get(callId)
  const findOf = (news: unknown): OpenCall | undefined => {
    const callId = typeof news === 'object' && news !== null && 'call_id' in news ? news.call_id : undefined
    return typeof callId === 'string' ? find(callId) : undefined
  }
  const peer = createPeer<RunnerMethods>({
    write(line) {
      child.stdin.write(line)
      // It asks and does not read the answers.
      if (child.stdin.writableLength > limits.pluginUnreadBytesMax) child.kill('SIGKILL')
    },
    close: () => child.kill('SIGKILL'),
    timers: { setTimeout, clearTimeout },
    lineBytesMax: limits.pluginLineBytesMax,
    openRequestsMax: limits.pluginOpenRequestsMax,
    methods: createContextMethods(find),
    notifications: {
      output(news) {
        const { context } = findOf(news) ?? {}
        if (isOutput(news)) context?.output(news.chunk.slice(0, limits.pluginNewsCharactersMax), news.stream)
      },
      log(news) {
        const { context } = findOf(news) ?? {}
        if (isLog(news)) context?.log[news.level](news.message.slice(0, limits.pluginNewsCharactersMax))
      },
    },
  })
  child.stdin.on('error', () => undefined)
  paceReading(child.stdout, peer.receive)
  return peer
}

function toPlace(context: ToolContext, { dataDir }: RunnerPlugin) {
  const { cwd, workspaceRoot, toolId, generationId, timeoutMs } = context
  return { cwd, workspaceRoot, toolId, generationId, timeoutMs, dataDir }
}

async function watchEnd(child: Child): Promise<string> {
  const refused = once(child, 'error').then(([error]) => `it could not be started: ${String(error)}`)
  const closed = once(child, 'close').then(([code, signal]) => (signal ? String(signal) : `exit code ${String(code)}`))
  return Promise.race([refused, closed])
}

/** The last of what the process says on stderr. */
function keepComplaint(stderr: Readable, hear: (text: string) => void): () => string {
  let kept = ''
  const decoder = new TextDecoder()
  // Whoever floods us here waits on the pipe too.
  paceReading(stderr, (bytes) => {
    const chunk = decoder.decode(bytes, { stream: true })
    kept = (kept + chunk).slice(-limits.pluginComplaintCharactersMax)
    hear(chunk)
  })
  return () => kept
}

/** Why a plugin could not describe itself, with the line where it broke. */
function toBroken(failure: unknown, { manifest, folder }: RunnerPlugin, end: ProcessEnd): Failure {
  const late = failure instanceof Failure && failure.code === 'client.timeout'
  const said = end.complaint.replaceAll(`file://${folder}/`, '').replaceAll(`${folder}/`, '')
  const line = /^((?!node:)\S+:\d+)$/m.exec(said)?.[1] ?? /\(((?!node:)\S+:\d+):\d+\)/.exec(said)?.[1] ?? manifest.main
  const error = /^(?:\w*Error|Error)\b.*$/m.exec(said)?.[0]
  const reason = late ? `it was not ready within ${limits.pluginDescribeMsMax} ms` : (error ?? `it ended (${end.how})`)
  const message = `${line}: ${reason.slice(0, 500)}`
  return new Failure('plugin.broken', message, late ? { retryAfterMs: limits.pluginLateRetryMs } : {})
}

type Output = { chunk: string; stream: 'stdout' | 'stderr' | 'log' | 'progress' }

function isOutput(news: unknown): news is Output {
  if (typeof news !== 'object' || news === null || !('chunk' in news) || !('stream' in news)) return false
  return typeof news.chunk === 'string' && ['stdout', 'stderr', 'log', 'progress'].includes(String(news.stream))
}

function isLog(news: unknown): news is { level: 'info' | 'warn'; message: string } {
  if (typeof news !== 'object' || news === null || !('level' in news) || !('message' in news)) return false
  return typeof news.message === 'string' && (news.level === 'info' || news.level === 'warn')
}
