import { AgentMessageDelta } from '#wire/agent-message-delta'
import { ApprovalAnswer, ApprovalRequested, ApprovalResolved } from '#wire/approval'
import { CancelRun } from '#wire/cancel-run'
import { CancelTool } from '#wire/cancel-tool'
import { WireError } from '#wire/error'
import { frameReader } from '#wire/frame'
import { Drain, Goodbye } from '#wire/goodbye'
import { Handshake } from '#wire/handshake'
import type { FrameOf } from '#wire/message'
import { RunEvent } from '#wire/run-event'
import { RunFinished } from '#wire/run-finished'
import { RunInput } from '#wire/run-input'
import { RunStarted } from '#wire/run-started'
import { RunTool } from '#wire/run-tool'
import { StartRun } from '#wire/start-run'
import { Stored } from '#wire/stored'
import { Subscribe, Unsubscribe } from '#wire/subscribe'
import { ToolOutputDelta } from '#wire/tool-output-delta'
import { ToolResult } from '#wire/tool-result'
import { ToolsChanged } from '#wire/tools-changed'
import { Welcome } from '#wire/welcome'

export type {
  ApprovalAnswer,
  ApprovalOption,
  ApprovalPreview,
  ApprovalRequested,
  ApprovalResolved,
} from '#wire/approval'
export { Checks as ChecksSchema } from '#wire/check'
export type { Check } from '#wire/check'
export type { CancelRun } from '#wire/cancel-run'
export type { CancelTool } from '#wire/cancel-tool'
export type { WireError } from '#wire/error'
export type { UnknownFrame } from '#wire/frame'
export type { Drain, Goodbye } from '#wire/goodbye'
export type { Handshake, ProjectSpec } from '#wire/handshake'
export type { RunEvent } from '#wire/run-event'
import { runFacts } from '#wire/run-events'
export { runDecorations, runFacts } from '#wire/run-events'
export type { AnyRunEvent, RunDecoration, RunFact, RunFactOf, RunStatus } from '#wire/run-events'
export type { RunFinished, RunOutcome, RunUsage } from '#wire/run-finished'
export type { InputMode, RunInput } from '#wire/run-input'
export type { RunStarted } from '#wire/run-started'
export type { RunTool } from '#wire/run-tool'
export type { RunLimits, RunMode, StartRun } from '#wire/start-run'
export type { Stored } from '#wire/stored'
export type { Subscribe, Unsubscribe } from '#wire/subscribe'
export type { ToolOutputDelta } from '#wire/tool-output-delta'
export { toToolStatus } from '#wire/tool-result'
export type { ToolResult } from '#wire/tool-result'
export type { ToolsChanged } from '#wire/tools-changed'
export type { Welcome } from '#wire/welcome'
export { ProjectSpec as ProjectSpecSchema } from '#wire/handshake'
export { InputContent as InputContentSchema, InputMode as InputModeSchema } from '#wire/run-input'
export { RunLimits as RunLimitsSchema, RunMode as RunModeSchema } from '#wire/start-run'

/** The version of level 1; raised only where a level-1 peer would misbehave. */
export const protocolVersion = 1

/** What this Maestro understands beyond the first release, as `welcome` names it: nothing of it is sent to a server that did not. */
export const serverFeatures = ['tools_changed'] as const
export type ServerFeature = (typeof serverFeatures)[number]

/** The response header in which Maestro names its level. */
export const protocolHeader = 'x-codegen-protocol'

/** Close codes of the executor's socket (protocol.md, "Heartbeat"). */
export const closeCodes = {
  done: 1000,
  binary: 1003,
  notJson: 1007,
  policy: 1008,
  tooBig: 1009,
  restart: 1012,
  badHandshake: 4400,
  unauthenticated: 4401,
  forbidden: 4403,
  superseded: 4409,
  version: 4410,
  rate: 4429,
} as const

/** Everything an executor may send. */
export const executorMessages = [
  Handshake,
  ToolResult,
  StartRun,
  RunInput,
  CancelRun,
  Subscribe,
  Unsubscribe,
  ToolOutputDelta,
  ToolsChanged,
  ApprovalRequested,
  ApprovalResolved,
  Stored,
  WireError,
  Goodbye,
] as const
export type ExecutorFrame = FrameOf<(typeof executorMessages)[number]>

/** Everything Maestro may send. */
export const maestroMessages = [
  RunTool,
  Welcome,
  RunStarted,
  RunEvent,
  CancelTool,
  ApprovalAnswer,
  RunFinished,
  Drain,
  Stored,
  WireError,
  AgentMessageDelta,
] as const
export type MaestroFrame = FrameOf<(typeof maestroMessages)[number]>

/** Reads a frame from an executor; see frameReader for how it fails. */
export const readExecutorFrame = frameReader(executorMessages)
/** Reads a frame from Maestro; see frameReader for how it fails. */
export const readMaestroFrame = frameReader(maestroMessages)
/** Reads a fact as the log keeps it; see frameReader for how it fails. */
export const readRunFact = frameReader(runFacts)
