import { randomUUID } from 'node:crypto'
import { Failure } from '@codegen/protocol/failure'
import { closeCodes, readMaestroFrame } from '@codegen/protocol/wire'
import type { RunFinished, ToolResult } from '@codegen/protocol/wire'
import type { RawData, WebSocket } from 'ws'
import type { Calls } from '#calls/calls'
import type { KnownRuns } from '#calls/known-runs'
import type { Log } from '#log'
import { toText } from './connection.ts'
import { dial } from './dial.ts'
import { toSeedHandshake } from './handshake.ts'
import { holdUntilOpen } from './held-viewer.ts'
import type { Shown } from './runs.ts'
import { createSeedRun } from './seed-run.ts'
import type { SeedRun } from './seed-run.ts'
import { sendFrame } from './send.ts'
import type { Access } from './send.ts'
import { toStartRun } from './starts.ts'
import type { StartParameters } from './starts.ts'
import type { RunViewer, Viewers } from './viewers.ts'

/** Runs at a server that speaks only the founding document's messages: one connection a run, the prompt in the handshake. */
export type SeedRuns = {
  start(access: Access, wish: { parameters: StartParameters; viewer: RunViewer; signal: AbortSignal }): Promise<Shown>
  /** Fails with run.unknown: nothing of such a run is kept after its end. */
  attach(place: { generation_id: string; after?: string }, viewer: RunViewer): { detach(): void }
  cancel(generationId: string): void
  has(generationId: string): boolean
  /** Sends a result on its run's connection. */
  result(result: ToolResult): void
  stop(): void
}

export type SeedRunsParts = {
  readonly known: KnownRuns
  readonly viewers: Viewers
  readonly toolNames: readonly string[]
  readonly log: Log
  calls(): Calls
  /** The server has become one of level 1. */
  upgraded(): void
}

type Open = { readonly run: SeedRun; readonly socket: WebSocket; readonly calls: Set<string>; cancelled: boolean }

export function createSeedRuns(parts: SeedRunsParts): SeedRuns {
  const { known, viewers, log } = parts
  const open = new Map<string, Open>()

  function close(generationId: string, outcome: Pick<RunFinished, 'status' | 'error'>): void {
    const found = open.get(generationId)
    if (!found) return
    for (const tool_id of found.calls) {
      parts.calls().cancel({ tool_id, generation_id: generationId, reason: 'the run has ended', grace_ms: 0 })
    }
    const finished = found.run.end(outcome)
    open.delete(generationId)
    known.end(generationId)
    viewers.finished(finished)
  }

  function receive(found: Open, text: string): void {
    const frame = readMaestroFrame(text)
    if (frame.type === 'agent_message_delta' && 'payload' in frame) found.run.text(frame.payload.content)
    if (frame.type !== 'run_tool' || !('payload' in frame)) return
    const call = found.run.call(frame.payload)
    found.calls.add(call.tool_id)
    parts.calls().run(call)
  }

  return {
    async start(access, { parameters, viewer, signal }) {
      const { client_ref, prompt } = parameters
      const { cwd, mode, project_spec } = await toStartRun(parameters)
      const { socket, level } = await dial(access, signal)
      if (level === 1) {
        socket.terminate()
        parts.upgraded()
        throw new Failure('server.unreachable', 'Maestro was replaced by a newer one; try again in a moment.')
      }
      const generationId = `seed-${randomUUID()}`
      known.expect({ clientRef: client_ref, root: cwd, mode })
      known.begin({ clientRef: client_ref, generationId, sessionId: generationId })
      const held = holdUntilOpen(viewer)
      const detach = viewers.attach(generationId, held.viewer)
      const run = createSeedRun(
        { generationId, clientRef: client_ref, prompt, cwd, mode },
        (event) => void viewers.event(event),
      )
      const found: Open = { run, socket, calls: new Set(), cancelled: false }
      open.set(generationId, found)
      socket.on('message', (data: RawData) => {
        try {
          receive(found, toText(data))
        } catch (error) {
          log.warn('a message of the server was not understood', { reason: String(error) })
        }
      })
      socket.once('close', (code: number, reason: Buffer) =>
        close(generationId, toOutcome(found.cancelled, code, reason.toString())),
      )
      const handshake = toSeedHandshake({
        prompt,
        toolNames: parts.toolNames,
        projectSpec: project_spec ?? { content: '', file_paths: [] },
      })
      sendFrame(socket, { type: 'handshake', payload: handshake }, Infinity)
      held.open()
      return { generation_id: generationId, session_id: generationId, detach }
    },
    attach({ generation_id, after }, viewer) {
      const found = open.get(generation_id)
      if (!found)
        throw new Failure('run.unknown', 'The server keeps no record of its runs, and this one is not open here.')
      const held = holdUntilOpen(viewer)
      const detach = viewers.attach(generation_id, held.viewer, after)
      for (const event of found.run.events) viewers.event(event)
      held.open()
      return { detach }
    },
    cancel(generationId) {
      const found = open.get(generationId)
      if (!found) throw new Failure('run.unknown', 'This run is not open here.')
      found.cancelled = true
      found.socket.close(closeCodes.done)
    },
    has: (generationId) => open.has(generationId),
    result(result) {
      const found = open.get(result.generation_id)
      const payload = found?.run.result(result)
      found?.calls.delete(result.tool_id)
      if (found && payload) sendFrame(found.socket, { type: 'tool_result', payload }, seedFrameBytesMax)
      // Nobody confirms a result here: it is on its way or its run is over.
      parts.calls().stored(result.tool_id)
    },
    stop() {
      for (const { socket } of open.values()) socket.close(closeCodes.done)
    },
  }
}

/** A server of this kind names no limit; this is what `ws` and most others take by default. */
const seedFrameBytesMax = 1024 * 1024

function toOutcome(cancelled: boolean, code: number, reason: string): Pick<RunFinished, 'status' | 'error'> {
  if (cancelled) return { status: 'cancelled' }
  if (code === closeCodes.done) return { status: 'completed' }
  const because = reason ? `${code}: ${reason}` : String(code)
  return {
    status: 'failed',
    error: { code: 'server.unreachable', message: `The server ended the run's connection (${because}).` },
  }
}
