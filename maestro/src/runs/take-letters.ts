import { toToolStatus } from '@codegen/protocol/wire'
import type { ToolResult } from '@codegen/protocol/wire'
import { reach } from '#crash-points'
import type { Drive, Letter } from './drive.ts'
import { unshown } from './log-entry.ts'
import type { LogEntry } from './log-entry.ts'
import { toResultText } from './result-text.ts'
import type { ProposedAnswer, WaitingInput } from './ports.ts'

/** Takes what has arrived for a run and stages what it means; what asked for it is acknowledged after the next commit. */
export function takeLetters(drive: Drive): void {
  for (const letter of drive.mailbox.takeAll()) takeLetter(drive, letter)
}

function takeLetter(drive: Drive, letter: Letter): void {
  switch (letter.kind) {
    case 'result':
      takeResult(drive, letter.result)
      return
    case 'approval':
      takeApproval(drive, letter.fact)
      return
    case 'cancel':
      takeCancel(drive, letter)
      return
    case 'input':
      takeInput(drive, letter.input)
      return
    case 'answer':
      takeAnswer(drive, letter.answer)
      return
    case 'release':
      drive.release()
      return
    case 'leave':
      drive.isLeaving = true
      return
    case 'look':
      // Whatever there is to see, the loop sees it by itself.
      return
  }
}

function takeResult(drive: Drive, result: ToolResult): void {
  reach('result-received')
  const acknowledge = (): void => drive.hands.stored(`tool_result:${result.tool_id}`)
  const call = drive.run.openCalls.get(result.tool_id)
  // A repeat of a result that is on record, or one that came too late: acknowledged, without effect.
  if (!call) return drive.stage([], acknowledge)
  drive.stage([toResultEntry(drive, result, call)], acknowledge)
}

function toResultEntry(
  drive: Drive,
  result: ToolResult,
  call: { tool: { tool_name: string }; bootstrap: boolean; requestId: string },
): LogEntry {
  const status = toToolStatus(result.status)
  drive.stopwatch.finished(result.tool_id, { toolName: call.tool.tool_name, isBootstrap: call.bootstrap, status })
  const text = toResultText(result, status)
  const fact = {
    type: call.bootstrap ? ('bootstrap_result' as const) : ('tool_call_finished' as const),
    payload: {
      generation_id: drive.key.generationId,
      tool_id: result.tool_id,
      tool_name: call.tool.tool_name,
      status,
      result: text,
      ...(result.error ? { error: { code: result.error.code, message: result.error.message } } : {}),
      ...(result.truncated === undefined ? {} : { truncated: result.truncated }),
      ...(result.bytes_total === undefined ? {} : { bytes_total: result.bytes_total }),
      ...(result.duration_ms === undefined ? {} : { duration_ms: result.duration_ms }),
      ...(result.structured === undefined ? {} : { structured: result.structured }),
    },
  }
  // A word that was read as another is kept as it came.
  const word = result.status === status ? {} : { status_word: result.status }
  return { fact, shown: drive.dialect.result(call.requestId, text), internal: { request_id: call.requestId, ...word } }
}

/** It waits here for its place. One that is on record already only has to be marked so. */
function takeInput(drive: Drive, input: WaitingInput): void {
  const { clientRef } = input
  if (drive.run.inputRefs.has(clientRef)) return drive.stage([], () => markTaken(drive, [clientRef]))
  if (!drive.inputs.some((waiting) => waiting.clientRef === clientRef)) drive.inputs = [...drive.inputs, input]
}

/** It waits here until the executor has judged it. */
function takeAnswer(drive: Drive, answer: ProposedAnswer): void {
  if (drive.answers.some(({ clientRef }) => clientRef === answer.clientRef)) return
  drive.answers = [...drive.answers, { ...answer, isSent: false }]
}

function takeApproval(drive: Drive, fact: Extract<Letter, { kind: 'approval' }>['fact']): void {
  const { tool_id } = fact.payload
  const acknowledge = (): void => drive.hands.stored(`${fact.type}:${tool_id}`)
  const run = drive.run
  const isAsked = run.openQuestions.has(tool_id)
  const isNews = run.openCalls.has(tool_id) && isAsked === (fact.type === 'approval_resolved')
  if (isNews) watchQuestion(drive, fact)
  drive.stage(isNews ? [unshown(fact)] : [], acknowledge)
}

function watchQuestion(drive: Drive, fact: Extract<Letter, { kind: 'approval' }>['fact']): void {
  const { tool_id } = fact.payload
  if (fact.type === 'approval_requested') drive.stopwatch.questionAsked(tool_id)
  else drive.stopwatch.questionAnswered(tool_id, fact.payload.outcome)
}

function takeCancel(drive: Drive, letter: Extract<Letter, { kind: 'cancel' }>): void {
  const { clientRef, reason, by } = letter
  const { generationId } = drive.key
  const entries: LogEntry[] =
    drive.run.cancel || drive.run.outcome
      ? []
      : [unshown({ type: 'cancel_requested', payload: { generation_id: generationId, reason, by } })]
  drive.stage(entries, () => markTaken(drive, [clientRef]))
}

/** Says of commands that they are on record. Failing to costs one more look at the same commands, which have no effect then. */
export function markTaken(drive: Drive, clientRefs: readonly string[]): void {
  drive.ports.log.markTaken(drive.key, clientRefs).catch(() => undefined)
}
