import type { ApprovalRequested, ApprovalResolved, ToolOutputDelta, ToolResult } from '@codegen/protocol/wire'

/** Where the calls' news goes. All but `output` arrive in the end, whatever happens to the link or to this process. */
export type CallReports = {
  result(result: ToolResult): void
  /** Live output; dropped when nobody can take it. */
  output(delta: ToolOutputDelta): void
  approvalRequested(question: ApprovalRequested): void
  approvalResolved(resolution: ApprovalResolved): void
}
