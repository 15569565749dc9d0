import { createHash } from 'node:crypto'
import { toEventId } from '@codegen/protocol/ids'
import { toToolStatus } from '@codegen/protocol/wire'
import type { AnyRunEvent, RunEvent, RunFinished, RunMode, RunTool, ToolResult } from '@codegen/protocol/wire'
import { limits } from '#limits'

/** A run at a server that speaks only the founding document's messages, as the rest of codegend and its clients know runs. */
export type SeedRun = {
  readonly generationId: string
  /** What has happened so far, oldest first; of a very long run only the newest. */
  readonly events: readonly RunEvent[]
  /** The server's call, by ids of our own: a server of this kind may use the same ids in every run. */
  call(call: RunTool): RunTool
  /** A result by the server's own ids; undefined when it is not of this run. */
  result(result: ToolResult): Pick<ToolResult, 'tool_id' | 'status' | 'result' | 'generation_id'> | undefined
  text(content: string): void
  end(outcome: Pick<RunFinished, 'status' | 'error'>): RunFinished
}

export type SeedRunStart = {
  readonly generationId: string
  readonly clientRef: string
  readonly prompt: string
  readonly cwd: string
  readonly mode: RunMode
}

type SeedCall = Pick<RunTool, 'tool_id' | 'tool_name' | 'generation_id'>

/** Begins the record of a run; each event also goes to `tell`. */
export function createSeedRun(start: SeedRunStart, tell: (event: RunEvent) => void): SeedRun {
  const { generationId: generation_id, clientRef, ...rest } = start
  const calls = new Map<string, SeedCall>()
  const events: RunEvent[] = []
  let place = { position: 0, k: 0 }
  let text = ''
  let turn = 0

  function emit(event: AnyRunEvent, kind: 'fact' | 'decoration'): void {
    place = kind === 'fact' ? { position: place.position + 1, k: 0 } : { ...place, k: place.k + 1 }
    const told = { generation_id, event_id: toEventId(place.position, place.k), event }
    events.push(told)
    if (events.length > limits.viewerHeldEventsMax) events.shift()
    tell(told)
  }

  function closeText(): void {
    if (text === '') return
    const payload = { generation_id, turn, content: text, finish_reason: 'stop', requests: [] }
    text = ''
    turn += 1
    emit({ type: 'agent_message', payload }, 'fact')
  }

  emit({ type: 'run_started', payload: { generation_id, session_id: generation_id, model: '', ...rest } }, 'fact')
  return {
    generationId: generation_id,
    events,
    call(call) {
      const { tool_name, parameters } = call
      const tool_id = toOwnId(generation_id, call.tool_id)
      closeText()
      if (!calls.has(tool_id))
        emit({ type: 'tool_call', payload: { generation_id, tool_id, tool_name, parameters } }, 'fact')
      calls.set(tool_id, call)
      return { tool_id, tool_name, generation_id, parameters }
    },
    result(result) {
      const call = calls.get(result.tool_id)
      if (!call) return undefined
      const { status, result: shown } = result
      const payload = { ...result, tool_name: call.tool_name, status: toToolStatus(status) }
      emit({ type: 'tool_call_finished', payload }, 'fact')
      return { tool_id: call.tool_id, status, result: shown, generation_id: call.generation_id }
    },
    text(content) {
      text += content
      emit({ type: 'agent_message_delta', payload: { generation_id, content } }, 'decoration')
    },
    end(outcome) {
      closeText()
      const usage = { turns: turn, input_tokens: 0, output_tokens: 0, cached_tokens: 0 }
      const last_event_id = toEventId(place.position + 1, 0)
      const payload = { generation_id, client_ref: clientRef, ...outcome, usage, last_event_id }
      emit({ type: 'run_finished', payload }, 'fact')
      return payload
    },
  }
}

function toOwnId(generationId: string, toolId: string): string {
  return `seed-${createHash('sha256').update(`${generationId}/${toolId}`).digest('hex').slice(0, 40)}`
}
