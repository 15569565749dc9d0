import type { ToolContext, ToolReturn } from '@codegen/kit'
import type { CallToHook, HookRequest } from './runner-messages.ts'

/** A version of a plugin that can be started, whatever it is made of. */
export type PluginProgram = {
  /** The plugin's. */
  readonly name: string
  /** Where its definitions are kept once it has said them. */
  readonly definitionsFile: string
  start(): PluginProcess
}

/** One process of a plugin. */
export type PluginProcess = {
  /** What the plugin says its tools and hooks are, unchecked. Fails with plugin.broken when it has not said so in limits.pluginDescribeMsMax; the process is ended then. */
  describe(): Promise<unknown>
  /** Runs a tool. Fails as the tool does, with tool.failed when the process ends, or with the reason of the context's signal. A process that is stuck is then ended. */
  call(tool: string, call: ProcessCall): Promise<ToolReturn>
  /**
   * Calls a hook, whose answer is unchecked; null is none. Fails as the hook does, with tool.failed when the process ends, or with the signal's reason; a process that is stuck is then
   * ended. Absent where a process is of a kind that has no hooks.
   */
  hook?(request: Omit<HookRequest, 'call'> & { readonly call: CallToHook }, signal: AbortSignal): Promise<unknown>
  /** Ends it at once; open calls fail. */
  end(): void
  /** Resolves when the process is gone. */
  readonly ended: Promise<ProcessEnd>
}

export type ProcessCall = {
  readonly parameters: Readonly<Record<string, unknown>>
  readonly context: ToolContext
  readonly readOnly: boolean
}

/** `asked`: it was ended from here and not because it was stuck. `complaint` is what it said last on stderr. */
export type ProcessEnd = { readonly asked: boolean; readonly how: string; readonly complaint: string }
