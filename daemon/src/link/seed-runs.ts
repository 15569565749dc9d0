import { randomUUID } from 'node:crypto'
import { Failure } from '@codegen/protocol/failure'
import { closeCodes, readMaestroFrame } from '@codegen/protocol/wire'
import type { ToolDefinition } from '@codegen/protocol/tool'
import type { RunFinished, StartRun, ToolResult } from '@codegen/protocol/wire'
import type { RawData, WebSocket } from 'ws'
import type { Calls } from '#calls/calls'
import type { CallSinks } from '#calls/ports'
import type { KnownRuns } from '#calls/known-runs'
import type { Log } from '#log'
import { toText } from './connection.ts'
import { dial } from './dial.ts'
import { toSeedHandshake } from './handshake.ts'
import { holdUntilOpen } from './held-viewer.ts'
import type { ShownRun } from './run-requests.ts'
import { createSeedRun } from './seed-run.ts'
import type { SeedRun } from './seed-run.ts'
import { sendFrame } from './send.ts'
import type { Access } from './send.ts'
import { toStartRun } from './starts.ts'
import type { StartParameters } from './starts.ts'
import type { RunViewer, Viewers } from './viewers.ts'

/** Runs at a server that speaks only the founding document's messages: one connection a run, the prompt in the handshake. */
export type SeedRuns = {
  start(
    access: Access,
    wish: { parameters: StartParameters; viewer: RunViewer; signal: AbortSignal },
  ): Promise<ShownRun>
  /** Fails with run.unknown: nothing of such a run is kept after its end. */
  attach(place: { generation_id: string; after?: string }, viewer: RunViewer): { detach(): void }
  cancel(generationId: string): void
  has(generationId: string): boolean
  /** Ends them all: a server of this kind knows no coming back. */
  stop(): void
}

/** Whether a run was one of a server of level 0. No other codegend can go on with it. */
export function isSeedRun(generationId: string): boolean {
  return generationId.startsWith(idPrefix)
}

const idPrefix = 'seed-'

export type SeedRunsParts = {
  /** Where the results of the open runs go: each on its own connection. */
  readonly sinks: CallSinks
  readonly known: KnownRuns
  readonly viewers: Viewers
  readonly calls: Calls
  readonly tools: { readonly toolNames: readonly string[]; customToolsIn(cwd: string): readonly ToolDefinition[] }
  readonly log: Log
  /** The server has become one of level 1. */
  upgraded(): void
}

type OpenRun = {
  readonly run: SeedRun
  readonly socket: WebSocket
  readonly openCalls: Set<string>
  cancelled: boolean
  ended: boolean
}

export function createSeedRuns(parts: SeedRunsParts): SeedRuns {
  const { viewers } = parts
  const open = new Map<string, OpenRun>()

  return {
    async start(access, { parameters, viewer, signal }) {
      const wish = await toStartRun(parameters)
      const socket = await dialSeed(access, parts, signal)
      const held = holdUntilOpen(viewer)
      const generationId = `${idPrefix}${randomUUID()}`
      const detach = viewers.attach(generationId, held.viewer)
      const opened = openRun(parts, { generationId, socket, wish })
      open.set(generationId, opened)
      socket.once('close', (code: number, reason: Buffer) => {
        if (open.delete(generationId)) endRun(parts, opened, toOutcome(opened.cancelled, code, reason.toString()))
      })
      held.open()
      return { generation_id: generationId, session_id: generationId, detach }
    },
    attach({ generation_id, after }, viewer) {
      const { run } = found(open, generation_id)
      const held = holdUntilOpen(viewer)
      const detach = viewers.attach(generation_id, held.viewer, after)
      for (const event of run.events) viewers.event(event)
      held.open()
      return { detach }
    },
    cancel(generationId) {
      const opened = found(open, generationId)
      opened.cancelled = true
      opened.socket.close(closeCodes.done)
    },
    has: (generationId) => open.has(generationId),
    stop() {
      for (const [generationId, opened] of open) {
        open.delete(generationId)
        endRun(parts, opened, { status: 'failed', error: { code: 'client.closed', message: 'codegend was stopped.' } })
        opened.socket.terminate()
      }
    },
  }
}

function found(open: ReadonlyMap<string, OpenRun>, generationId: string): OpenRun {
  const opened = open.get(generationId)
  if (opened) return opened
  throw new Failure('run.unknown', 'The server keeps no record of its runs, and this one is not open here.')
}

async function dialSeed(access: Access, { upgraded }: SeedRunsParts, signal: AbortSignal): Promise<WebSocket> {
  const { socket, level } = await dial(access, signal)
  if (level === 0) return socket
  socket.terminate()
  upgraded()
  throw new Failure('server.unreachable', 'Maestro was replaced by a newer one; try again in a moment.')
}

type Opening = { readonly generationId: string; readonly socket: WebSocket; readonly wish: StartRun }

function openRun(parts: SeedRunsParts, { generationId, socket, wish }: Opening): OpenRun {
  const { known, viewers, tools, log } = parts
  const { client_ref: clientRef, cwd, mode, prompt, project_spec: projectSpec = { content: '', file_paths: [] } } = wish
  known.expect({ clientRef, root: cwd, mode })
  known.begin({ clientRef, generationId, sessionId: generationId })
  const start = { generationId, clientRef, prompt, cwd, mode }
  const run = createSeedRun(start, (event) => void viewers.event(event))
  const opened: OpenRun = { run, socket, openCalls: new Set(), cancelled: false, ended: false }
  parts.sinks.set(generationId, { result: (result) => takeResult(parts, opened, result) })
  socket.on('message', (data: RawData) => {
    try {
      receive(parts, opened, toText(data))
    } catch (error) {
      log.warn('a message of the server was not understood', { reason: String(error) })
    }
  })
  sendFrame(
    socket,
    {
      type: 'handshake',
      payload: toSeedHandshake({
        prompt,
        toolNames: tools.toolNames,
        customTools: tools.customToolsIn(cwd),
        projectSpec,
      }),
    },
    Infinity,
  )
  return opened
}

function receive({ calls }: SeedRunsParts, { run, openCalls }: OpenRun, text: string): void {
  const frame = readMaestroFrame(text)
  // What is not one of the founding document's messages is ignored.
  if ('unknown' in frame) return
  if (frame.type === 'agent_message_delta') run.text(frame.payload.content)
  if (frame.type !== 'run_tool') return
  const call = run.call(frame.payload)
  openCalls.add(call.tool_id)
  calls.run(call)
}

function takeResult({ calls, sinks }: SeedRunsParts, opened: OpenRun, result: ToolResult): void {
  const { run, socket, openCalls } = opened
  openCalls.delete(result.tool_id)
  const payload = opened.ended ? undefined : run.result(result)
  if (payload) sendFrame(socket, { type: 'tool_result', payload }, seedFrameBytesMax)
  // Nobody confirms a result here: it is on its way, or its run is over.
  calls.stored(result.tool_id)
  if (opened.ended && openCalls.size === 0) sinks.delete(run.generationId)
}

/** A server of this kind names no limit; this is what most take by default. */
const seedFrameBytesMax = 1024 * 1024

function endRun({ calls, known, sinks, viewers }: SeedRunsParts, opened: OpenRun, outcome: SeedOutcome): void {
  const { generationId } = opened.run
  opened.ended = true
  calls.endRun(generationId)
  const finished = opened.run.end(outcome)
  if (opened.openCalls.size === 0) sinks.delete(generationId)
  known.end(generationId)
  viewers.finished(finished)
}

type SeedOutcome = Pick<RunFinished, 'status' | 'error'>

function toOutcome(cancelled: boolean, code: number, reason: string): SeedOutcome {
  if (cancelled) return { status: 'cancelled' }
  if (code === closeCodes.done) return { status: 'completed' }
  const message = `The server ended the run's connection (${reason ? `${code}: ${reason}` : code}).`
  return { status: 'failed', error: { code: 'server.unreachable', message } }
}
