import { Type } from 'typebox'
import type { Static } from 'typebox'
import { GenerationId, SessionId, ToolId } from '#ids'
import { ToolStatus } from '#tool'
import { AgentMessageDelta } from './agent-message-delta.ts'
import { ApprovalRequested, ApprovalResolved } from './approval.ts'
import { message } from './message.ts'
import type { FrameOf } from './message.ts'
import { RunFinished } from './run-finished.ts'
import { InputMode } from './run-input.ts'
import { RunMode } from './start-run.ts'
import { ToolOutputDelta } from './tool-output-delta.ts'

const text = Type.String()
const count = Type.Integer({ minimum: 0 })
const ToolError = Type.Object({ code: text, message: text })

/** The run is on record. */
const RunStartedEvent = message('run_started', {
  generation_id: GenerationId,
  session_id: SessionId,
  prompt: text,
  cwd: text,
  mode: RunMode,
  model: text,
})

/** What the model is told and offered from here on; system prompt and tool list are kept by digest. */
const ToolbeltEvent = message('toolbelt', {
  generation_id: GenerationId,
  system_digest: text,
  tools_digest: text,
  tools: Type.Array(text),
})

/** A call is on record and about to be sent. */
const ToolCallEvent = message('tool_call', {
  generation_id: GenerationId,
  tool_id: ToolId,
  tool_name: text,
  parameters: Type.Record(Type.String(), Type.Unknown()),
  bootstrap: Type.Optional(Type.Boolean()),
})

const finishedCall = {
  generation_id: GenerationId,
  tool_id: ToolId,
  tool_name: text,
  status: ToolStatus,
  result: Type.Unknown(),
  error: Type.Optional(ToolError),
  truncated: Type.Optional(Type.Boolean()),
  bytes_total: Type.Optional(count),
  duration_ms: Type.Optional(Type.Number({ minimum: 0 })),
  structured: Type.Optional(Type.Unknown()),
}

/** A bootstrap call ended. */
const BootstrapResultEvent = message('bootstrap_result', finishedCall)
/** A call the model asked for ended; `tool_id` of a request that was refused before it was sent has no `tool_call` before it. */
const ToolCallFinishedEvent = message('tool_call_finished', finishedCall)

/** One answer of the model, whole: the deltas before it are replaced by this. */
const AgentMessageEvent = message('agent_message', {
  generation_id: GenerationId,
  turn: count,
  content: text,
  finish_reason: text,
  requests: Type.Array(Type.Object({ id: text, name: text, arguments: text })),
})

/** What one answer cost. */
const UsageEvent = message('usage', {
  generation_id: GenerationId,
  turn: count,
  model: text,
  input_tokens: count,
  output_tokens: count,
  cached_tokens: count,
  /** Millionths of a US dollar, where Maestro was told the model's price. */
  cost_micros: Type.Optional(count),
})

/**
 * The older part of the run was summed up to make room. From here on the model is shown `content` and what the entries from position `kept_from` on show;
 * `refused`: its server had refused the request as too long. `facts`: the model's own summary could not be had.
 */
const CompactedEvent = message('compacted', {
  generation_id: GenerationId,
  turn: count,
  reason: Type.Enum(['full', 'refused']),
  summary: Type.Enum(['model', 'facts']),
  tokens_before: count,
  tokens_after: count,
  kept_from: count,
  content: text,
})

/** Something a person said to a running run. */
const InputEvent = message('input', {
  generation_id: GenerationId,
  content: text,
  by: text,
  mode: Type.Optional(InputMode),
  client_ref: Type.Optional(text),
})
/** The end was asked for; open calls are cancelled first. */
const CancelRequestedEvent = message('cancel_requested', { generation_id: GenerationId, reason: text, by: text })
/** The run has a new owner: drop partial text. */
const ClaimedEvent = message('claimed', { generation_id: GenerationId, epoch: count, server: text })

/** A piece of what the model thinks before it answers, where its server shows it. */
const ReasoningDeltaEvent = message('reasoning_delta', { generation_id: GenerationId, content: text })
/** An answer is asked for again after a fault: drop partial text. */
const AgentMessageRestartedEvent = message('agent_message_restarted', { generation_id: GenerationId, reason: text })
/** Somebody answered a question elsewhere, and the executor's owner does not let that count: the question stays open. */
const AnswerRefusedEvent = message('answer_refused', {
  generation_id: GenerationId,
  tool_id: ToolId,
  by: text,
  reason: text,
})
/** What the run does now, or waits for. */
const RunStatusEvent = message('run_status', {
  generation_id: GenerationId,
  status: Type.Enum(['queued', 'running', 'waiting_tool', 'waiting_approval', 'waiting_executor', 'cancelling']),
})

/** Facts: each is one log entry and has an `event_id` ending in `-0`. */
export const runFacts = [
  RunStartedEvent,
  ToolbeltEvent,
  ToolCallEvent,
  BootstrapResultEvent,
  ToolCallFinishedEvent,
  AgentMessageEvent,
  UsageEvent,
  CompactedEvent,
  InputEvent,
  CancelRequestedEvent,
  ClaimedEvent,
  ApprovalRequested,
  ApprovalResolved,
  RunFinished,
] as const

/** Decorations: shown as they happen, never stored; the closing fact is the truth. */
export const runDecorations = [
  AgentMessageDelta,
  ReasoningDeltaEvent,
  AgentMessageRestartedEvent,
  ToolOutputDelta,
  AnswerRefusedEvent,
  RunStatusEvent,
] as const

/** One fact, `{type, payload}`: exactly what the log keeps and every viewer is sent. */
export type RunFact = FrameOf<(typeof runFacts)[number]>
/** One decoration, `{type, payload}`. */
export type RunDecoration = FrameOf<(typeof runDecorations)[number]>
/** Anything a viewer may be sent. Unknown types are to be ignored. */
export type AnyRunEvent = RunFact | RunDecoration
export type RunFactOf<Name extends RunFact['type']> = Extract<RunFact, { type: Name }>
export type RunStatus = Static<typeof RunStatusEvent.payload>['status']
