import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { serializeMessage } from '@modelcontextprotocol/client'
import type { Transport } from '@modelcontextprotocol/client'
import { endProcessGroup } from '#hands/process-group'
import { readProcessStat } from '#hands/process-stat'
import { paceReading } from '#plugin-process/pace-reading'
import { limits } from '#limits'
import type { Channel } from './channel.ts'
import { parseMessage } from './parse-message.ts'
import { createLines } from './stdio-lines.ts'
import type { StdioLaunch } from './to-launch.ts'

type Child = ChildProcessByStdio<Writable, Readable, Readable>

type Surroundings = {
  /** Where it may keep things. */
  readonly dataDir: string
  /** Hears what it prints on stderr, as it comes. */
  printed(text: string): void
}

/** Starts a server's process at the head of a group of its own, which ends as a whole: what it started goes with it. */
export function openStdioChannel(
  { command, args, cwd, env }: StdioLaunch,
  { dataDir, printed }: Surroundings,
): Channel {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const child = spawn(command, [...args], { cwd, env: { ...env }, stdio: ['pipe', 'pipe', 'pipe'], detached: true })
  const endGroup = toGroupEnd(child)
  const complaint = keepComplaint(child.stderr, printed)
  const gone = watchEnd(child).then(async (how) => {
    await endGroup('SIGKILL')
    return how
  })
  const end = (): void => {
    child.stdin.end()
    const term = (): void => {
      endGroup('SIGTERM').catch(() => undefined)
    }
    const left = setTimeout(term, limits.mcpLeaveMsMax)
    gone.finally(() => clearTimeout(left)).catch(() => undefined)
  }
  return { transport: toTransport(child, { end, gone }), complaint, end, gone }
}

function toTransport(child: Child, { end, gone }: Pick<Channel, 'end' | 'gone'>): Transport {
  const transport: Transport = {
    async start() {
      child.stdin.on('error', () => undefined)
      const take = createLines(limits.pluginLineBytesMax, receive)
      paceReading(child.stdout, (chunk) => {
        if (!take(chunk)) end()
      })
      gone.then(() => transport.onclose?.()).catch(() => undefined)
    },
    async send(message) {
      child.stdin.write(serializeMessage(message))
      // It asks and does not read.
      if (child.stdin.writableLength > limits.pluginUnreadBytesMax) end()
    },
    close: async () => end(),
  }

  function receive(line: string): void {
    const message = parseMessage(line)
    if (message) transport.onmessage?.(message)
  }

  return transport
}

function toGroupEnd(child: Child): (signal: NodeJS.Signals) => Promise<void> {
  const { pid } = child
  if (pid === undefined) return async () => undefined
  const group = { pid, toolId: '', startTime: readProcessStat(pid)?.startTime }
  return (signal) => endProcessGroup(group, signal)
}

/** When the process itself is gone; what it started may hold its pipes for longer. */
async function watchEnd(child: Child): Promise<string> {
  const refused = once(child, 'error').then(([error]) => `it could not be started: ${toReason(error)}`)
  const exited = once(child, 'exit').then(([code, signal]) => (signal ? String(signal) : `exit code ${String(code)}`))
  return Promise.race([refused, exited])
}

function toReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error && error.code === 'ENOENT'
    ? 'there is no such program, or no such folder to start it in'
    : error.message
}

function keepComplaint(stderr: Readable, printed: (text: string) => void): () => string {
  let kept = ''
  const decoder = new TextDecoder()
  paceReading(stderr, (bytes) => {
    const chunk = decoder.decode(bytes, { stream: true })
    kept = (kept + chunk).slice(-limits.pluginComplaintCharactersMax)
    printed(chunk)
  })
  return () => kept
}
