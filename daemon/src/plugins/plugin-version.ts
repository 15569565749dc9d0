import type { ToolReturn } from '@codegen/kit'
import type { ToolDefinition } from '@codegen/protocol/tool'
import { limits } from '#limits'
import { keepProcess } from './kept-process.ts'
import type { KeptProcessOptions } from './kept-process.ts'
import type { ProcessCall } from '#plugin-process/plugin-process'

/** One version of a plugin that was found good: its tools, and a process of it while it is needed. */
export type PluginVersion = {
  /** Of its content. */
  readonly digest: string
  readonly tools: readonly ToolDefinition[]
  /** From now on these are its tools. */
  redefine(tools: readonly ToolDefinition[]): void
  /** Starts the process where none runs. Fails with tool.unavailable once the plugin crashed too often, and as PluginProcess's `call` does. */
  call(tool: string, call: ProcessCall): Promise<ToolReturn>
  /** Finishes its calls, for limits.pluginLeaveMsMax at the most, and ends its process. */
  stop(): void
  /** Ends its process now. */
  cancel(): void
}

export type VersionOptions = KeptProcessOptions & {
  readonly digest: string
  readonly tools: readonly ToolDefinition[]
}

export function openVersion(options: VersionOptions): PluginVersion {
  const { digest } = options
  let { tools } = options
  const kept = keepProcess(options)
  let timer: NodeJS.Timeout | undefined
  let [openCount, stopped] = [0, false]
  rest()

  /** Nothing of it runs: in a while, or at once where it is replaced, no process is needed. */
  function rest(): void {
    if (openCount > 0) return
    if (stopped) kept.end()
    else endAfter(limits.pluginIdleMs)
  }

  function endAfter(milliseconds: number): void {
    clearTimeout(timer)
    timer = setTimeout(kept.end, milliseconds)
    timer.unref()
  }

  return {
    digest,
    get tools() {
      return tools
    },
    redefine: (now) => void (tools = now),
    async call(tool, call) {
      if (!stopped) clearTimeout(timer)
      openCount += 1
      try {
        const running = await kept.running(call.context.signal)
        return await running.call(tool, call)
      } finally {
        openCount -= 1
        rest()
      }
    },
    stop() {
      stopped = true
      endAfter(limits.pluginLeaveMsMax)
      rest()
    },
    cancel() {
      stopped = true
      clearTimeout(timer)
      kept.end()
    },
  }
}
