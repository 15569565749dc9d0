import type { SpawnOptions, ToolContext } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import type { Peer } from '@codegen/protocol/peer'
import type { ContextMethods, RunnerNews, RunnerPlace } from './runner-messages.ts'

/** Who hears the output of commands that run, by number. */
export type LiveOutputs = Map<number, NonNullable<SpawnOptions['onOutput']>>

export type RunnerContextParts = {
  readonly peer: Peer<ContextMethods>
  readonly callId: string
  readonly place: RunnerPlace
  readonly signal: AbortSignal
  readonly lives: LiveOutputs
}

const forever = { timeoutMs: Infinity }

/** The context of a call inside a plugin's process: each method is asked of codegend, which decides and does it. */
export function createRunnerContext(parts: RunnerContextParts): ToolContext {
  const { peer, callId: call_id, place, signal } = parts
  const tell = <Name extends keyof RunnerNews>(name: Name, news: RunnerNews[Name]): void => peer.notify(name, news)
  return {
    ...place,
    signal,
    files: toFiles(parts),
    search: {
      paths: (options) => peer.request('search/paths', { ...options, call_id }, forever),
      lines: (options) => peer.request('search/lines', { ...options, call_id }, forever),
    },
    spawn: (command, options) => spawn(parts, command, options),
    async fetch(url, options) {
      const found = await peer.request('fetch', { call_id, url, options }, forever)
      return { ...found, bytes: toBytes(found.bytes) }
    },
    toMarkdown: (html, options) => peer.request('toMarkdown', { call_id, html, options }, forever),
    clipboard: { read: refuseClipboard, write: refuseClipboard },
    ask: (question) => peer.request('ask', { ...question, call_id }, forever),
    output: (chunk, stream = 'stdout') => tell('output', { call_id, chunk, stream }),
    progress: (message) => tell('output', { call_id, chunk: message, stream: 'progress' }),
    log: {
      info: (message) => tell('log', { call_id, level: 'info', message }),
      warn: (message) => tell('log', { call_id, level: 'warn', message }),
    },
    config: {},
  }
}

function toFiles({ peer, callId: call_id }: RunnerContextParts): ToolContext['files'] {
  return {
    async read(path, options) {
      const found = await peer.request('files/read', { call_id, path, options }, forever)
      return { ...found, bytes: toBytes(found.bytes) }
    },
    async readHead(path, options) {
      const found = await peer.request('files/readHead', { call_id, path, options }, forever)
      return { ...found, bytes: toBytes(found.bytes) }
    },
    stat: async (path) => (await peer.request('files/stat', { call_id, path }, forever)) ?? undefined,
    write: (path, bytes, options = {}) =>
      peer.request('files/write', { call_id, path, bytes: Buffer.from(bytes).toString('base64'), options }, forever),
    async remove(path, options) {
      await peer.request('files/remove', { call_id, path, options }, forever)
    },
    lastSeen: async (path) => (await peer.request('files/lastSeen', { call_id, path }, forever)) ?? undefined,
    list: (path, options) => peer.request('files/list', { call_id, path, options }, forever),
  }
}

let lastLive = 0

async function spawn(
  { peer, callId: call_id, lives }: RunnerContextParts,
  command: string,
  { onOutput, ...options }: SpawnOptions,
): ReturnType<ToolContext['spawn']> {
  if (!onOutput) return peer.request('spawn', { call_id, command, options }, forever)
  lastLive += 1
  const live = lastLive
  lives.set(live, onOutput)
  try {
    return await peer.request('spawn', { call_id, command, options, live }, forever)
  } finally {
    lives.delete(live)
  }
}

function toBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'))
}

async function refuseClipboard(): Promise<never> {
  throw new Failure('tool.denied', 'The clipboard is open to no plugin but those that come with CodeGen.')
}
