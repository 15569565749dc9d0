import { limits as protocolLimits } from '@codegen/protocol/limits'
import type { RunTool } from '@codegen/protocol/wire'
import { limits } from '#limits'
import type { Hands } from '#runs/ports'
import { toFrameText } from './frames.ts'
import type { Channel } from './ports.ts'

/** The hands of an executor of level 1: calls leave together, and it keeps to their deadlines itself. */
export function createHands(channel: Channel, journalId: string): Hands {
  return {
    journalId,
    callTools(calls) {
      for (const call of calls) channel.send(toFrameText({ type: 'run_tool', payload: call }))
    },
    cancelTool(generation_id, tool_id, reason) {
      const grace_ms = limits.cancelGraceMs
      channel.send(
        toFrameText({
          type: 'cancel_tool',
          payload: { generation_id, tool_id, reason: reason.slice(0, 1_000), grace_ms },
        }),
      )
    },
    proposeAnswer({ toolId, optionId, by }) {
      channel.send(
        toFrameText({
          type: 'approval_answer',
          payload: { tool_id: toolId, option_id: optionId, by: by.slice(0, 200) },
        }),
      )
    },
    stored(ref) {
      channel.send(toFrameText({ type: 'stored', payload: { ref } }))
    },
    runFinished(finished) {
      channel.send(toFrameText({ type: 'run_finished', payload: finished }))
    },
  }
}

export type SeedHands = Hands & {
  /** The next call may leave: this one's result is here. */
  resultArrived(toolId: string): void
  stop(): void
}

type SeedHandsPorts = {
  channel: Channel
  journalId: string
  /** A call's time is up: its result will not be waited for. */
  onTimeout(call: RunTool): void
  onFinished(): void
}

/**
 * The hands of an executor of level 0, which knows nothing but the seed's messages: its calls go out one at a time, with exactly the seed's
 * fields and deadlines of Maestro's own, and are never sent again.
 */
export function createSeedHands(ports: SeedHandsPorts): SeedHands {
  const waiting: RunTool[] = []
  let open: { call: RunTool; timer: NodeJS.Timeout } | undefined

  const sendNext = (): void => {
    if (open) return
    const call = waiting.shift()
    if (!call) return
    const { tool_name, tool_id, generation_id, parameters } = call
    const deadlineMs = call.bootstrap ? protocolLimits.bootstrapCallMsMax : limits.level0CallMsMax
    open = { call, timer: setTimeout(() => timeUp(call), deadlineMs) }
    ports.channel.send(toFrameText({ type: 'run_tool', payload: { tool_name, tool_id, generation_id, parameters } }))
  }
  const close = (toolId: string): void => {
    if (open?.call.tool_id !== toolId) return
    clearTimeout(open.timer)
    open = undefined
    sendNext()
  }
  const timeUp = (call: RunTool): void => {
    ports.onTimeout(call)
    close(call.tool_id)
  }

  return {
    journalId: ports.journalId,
    callTools(calls) {
      waiting.push(...calls)
      sendNext()
    },
    cancelTool(_generationId, toolId) {
      // It knows no cancellation: a call that has not left never does, and of the one that has nobody waits for the result.
      const index = waiting.findIndex((call) => call.tool_id === toolId)
      const [call] = index < 0 ? (open?.call.tool_id === toolId ? [open.call] : []) : waiting.splice(index, 1)
      if (call) timeUp(call)
    },
    proposeAnswer: () => undefined,
    stored: () => undefined,
    runFinished: ports.onFinished,
    resultArrived: close,
    stop() {
      clearTimeout(open?.timer)
      waiting.length = 0
    },
  }
}
