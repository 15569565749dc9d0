import type { ToolStatus } from './tool-definition.ts'

/**
 * What a plugin may export beside its tools, to be told of the calls of this machine, its own and those of the built-ins among them. Only calls of the tools that its manifest names in
 * `permissions.hooks`. Nothing it is given is a hand: a hook cannot call a tool, and what it changes in `call` changes nothing.
 */
export type Hooks = {
  /**
   * Called before a call that the policy does not deny, and before its owner is asked. Returns nothing to let it go on, which allows nothing, or refuses it, or adds a note to its
   * result. What it throws, another answer, and none within limits.beforeToolMsMax of codegend refuse the call.
   */
  beforeTool?(call: HookedCall): Promise<BeforeAnswer> | BeforeAnswer
  /** Called once a tool that has begun has ended, however it did. May add a note to the result; what goes wrong here is for the log, and never changes how the call ended. */
  afterTool?(call: HookedCall, result: HookedResult): Promise<AfterAnswer> | AfterAnswer
}

/** A call as a hook is told of it: a copy. */
export type HookedCall = {
  /** The call's, the same in both hooks. A call that codegend runs again after a crash comes again under it. */
  readonly toolId: string
  /** The run's. */
  readonly generationId: string
  readonly tool: string
  /** Where the tool comes from: `built-in`, or `plugin NAME`. */
  readonly source: string
  readonly parameters: Readonly<Record<string, unknown>>
  /** Absolute real paths. */
  readonly cwd: string
  readonly workspaceRoot: string
  /** How much its owner is asked in this run. */
  readonly mode: 'ask' | 'auto' | 'read-only'
  /** A folder of this plugin's own. */
  readonly dataDir: string
}

/** How a call ended. `text` is what the model is told, without its middle where it is very long. */
export type HookedResult = { readonly status: ToolStatus; readonly isError: boolean; readonly text: string }

/** `refuse`: why, for the model to read. `note`: words that are added to the result, marked as this plugin's. */
export type BeforeAnswer = { readonly refuse: string } | AfterAnswer
export type AfterAnswer = { readonly note: string } | undefined | void
