import { randomUUID } from 'node:crypto'
import type { ToolContext } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { createPeer } from '@codegen/protocol/peer'
import type { Peer } from '@codegen/protocol/peer'
import { limits } from '#limits'
import type { ContainedPlugin } from './command-line.ts'
import { startContained } from './contained-process.ts'
import type { ContainedProcess } from './contained-process.ts'
import { createContextMethods } from './context-methods.ts'
import type { OpenCall } from './context-methods.ts'
import { paceReading } from './pace-reading.ts'
import type { PluginProcess, PluginProgram, ProcessEnd } from './plugin-process.ts'
import type { RunnerMethods } from './runner-messages.ts'
import { parseReturn } from './tool-return.ts'

/** How a plugin is started that is a module, or speaks as the runner of one does. */
export function toRunnerProgram(plugin: ContainedPlugin): PluginProgram {
  return {
    name: plugin.manifest.name,
    definitionsFile: `${plugin.folder}.json`,
    start: () => startRunnerProcess(plugin),
  }
}

/** Starts a process with nothing of codegend's: no environment, and no more of the machine than its containment lets it have. */
function startRunnerProcess(plugin: ContainedPlugin): PluginProcess {
  const { manifest } = plugin
  const calls = new Map<string, OpenCall>()
  const contained = startContained(plugin)
  const { kill } = contained
  let asked = false
  const peer = connect(contained, calls)
  const ended = contained.ended.then((end): ProcessEnd => {
    peer.close(new Failure('tool.failed', `The plugin ${manifest.name} ended (${end.how}) before it had answered.`))
    return { asked, ...end }
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

function connect({ child, kill }: ContainedProcess, calls: ReadonlyMap<string, OpenCall>): Peer<RunnerMethods> {
  const find = (callId: string): OpenCall | undefined => calls.get(callId)
  const findOf = (news: unknown): OpenCall | undefined => {
    const callId = typeof news === 'object' && news !== null && 'call_id' in news ? news.call_id : undefined
    return typeof callId === 'string' ? find(callId) : undefined
  }
  const peer = createPeer<RunnerMethods>({
    write(line) {
      child.stdin.write(line)
      // It asks and does not read the answers.
      if (child.stdin.writableLength > limits.pluginUnreadBytesMax) kill()
    },
    close: kill,
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

function toPlace(context: ToolContext, { dataDir }: ContainedPlugin) {
  const { cwd, workspaceRoot, toolId, generationId, timeoutMs } = context
  return { cwd, workspaceRoot, toolId, generationId, timeoutMs, dataDir }
}

/** Why a plugin could not describe itself, with the line where it broke. */
function toBroken(failure: unknown, { manifest, folder }: ContainedPlugin, end: ProcessEnd): Failure {
  const late = failure instanceof Failure && failure.code === 'client.timeout'
  const said = end.complaint.replaceAll(`file://${folder}/`, '').replaceAll(`${folder}/`, '')
  const { made } = manifest
  const command = made.kind === 'command' ? made.command.join(' ') : ''
  const program = made.kind === 'module' ? made.main : command
  const line =
    /^((?!node:)\S+:\d+)$/m.exec(said)?.[1] ??
    /\(((?!node:)\S+:\d+):\d+\)/.exec(said)?.[1] ??
    pythonLine(said) ??
    program
  const error = /^(?:\w*Error|Error|bwrap:)\b.*$/m.exec(said)?.[0]
  const reason = late ? `it was not ready within ${limits.pluginDescribeMsMax} ms` : (error ?? `it ended (${end.how})`)
  const message = `${line}: ${reason.slice(0, 500)}`
  return new Failure('plugin.broken', message, late ? { retryAfterMs: limits.pluginLateRetryMs } : {})
}

function pythonLine(said: string): string | undefined {
  const [, file, line] = /^ *File "(\S+)", line (\d+)/m.exec(said) ?? []
  return file && `${file}:${line}`
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
