import type { ToolReturn } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import type { ToolDefinition } from '@codegen/protocol/tool'
import { limits } from '#limits'
import { keepProcess } from './kept-process.ts'
import type { KeptProcessOptions } from './kept-process.ts'
import type { HookedTools } from '#plugin-process/manifest'
import type { PluginProcess, ProcessCall } from '#plugin-process/plugin-process'

/** One version of a plugin that was found good: its tools, and a process of it while it is needed. */
export type PluginVersion = {
  /** Of its content. */
  readonly digest: string
  readonly tools: readonly ToolDefinition[]
  /** Whose calls its hooks are told of. */
  readonly hooks: HookedTools
  /** Starts the process where none runs. Fails with tool.unavailable once the plugin crashed too often, and as PluginProcess's `call` does. */
  call(tool: string, call: ProcessCall): Promise<ToolReturn>
  /** Calls a hook in the same way. */
  hook: NonNullable<PluginProcess['hook']>
  /** Finishes its calls, for limits.pluginLeaveMsMax at the most, and ends its process. */
  stop(): void
  /** Ends its process now. */
  cancel(): void
}

export type VersionOptions = KeptProcessOptions & {
  readonly digest: string
  readonly tools: readonly ToolDefinition[]
  readonly hooks: HookedTools
}

export function openVersion(options: VersionOptions): PluginVersion {
  const { digest, tools, hooks } = options
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

  async function use<Answer>(signal: AbortSignal, work: (running: PluginProcess) => Promise<Answer>): Promise<Answer> {
    if (!stopped) clearTimeout(timer)
    openCount += 1
    try {
      return await work(await kept.running(signal))
    } finally {
      openCount -= 1
      rest()
    }
  }

  return {
    digest,
    tools,
    hooks,
    call: (tool, call) => use(call.context.signal, (running) => running.call(tool, call)),
    hook(request, signal) {
      return use(signal, (running) => running.hook?.(request, signal) ?? withoutHooks())
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

async function withoutHooks(): Promise<never> {
  throw new Failure('plugin.broken', 'A plugin of this kind has no hooks.')
}
