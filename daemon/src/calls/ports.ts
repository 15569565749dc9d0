import type { ApprovalRequested, ApprovalResolved, ToolOutputDelta, ToolResult } from '@codegen/protocol/wire'

/** Where the calls' news goes. All but `output` arrive in the end, whatever happens to the link or to this process. */
export type CallReports = {
  result(result: ToolResult): void
  /** Live output; dropped when nobody can take it. */
  output(delta: ToolOutputDelta): void
  approvalRequested(question: ApprovalRequested): void
  approvalResolved(resolution: ApprovalResolved): void
}

/** Where the news of some runs goes instead of to Maestro, by run. Nothing of such a run is told to it. */
export type CallSinks = Map<string, CallSink>

export type CallSink = {
  result(result: ToolResult): void
  output?(delta: ToolOutputDelta): void
}
