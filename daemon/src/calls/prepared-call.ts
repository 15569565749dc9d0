import type { Tool } from '@codegen/kit'
import type { RunTool } from '@codegen/protocol/wire'
import type { JournaledRun } from '#journal/journal'
import type { LiveOutput } from './live-output.ts'
import type { CallTrace } from './traces.ts'

/** A call that was accepted: what was asked, by which run, of which tool, and where. */
export type PreparedCall = {
  readonly call: RunTool
  readonly run: JournaledRun
  readonly tool: Tool
  readonly isForeign: boolean
  /** Where the tool comes from. */
  readonly source: string
  /** Real path inside the run's root. */
  readonly cwd: string
  /** Aborted by a cancel; the reason is a Failure. */
  readonly cancelled: AbortSignal
  readonly output: LiveOutput
  readonly trace: CallTrace | undefined
}
