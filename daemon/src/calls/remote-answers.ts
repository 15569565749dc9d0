import type { ApprovalQuestion } from '@codegen/protocol/local'
import type { ApprovalAnswer } from '@codegen/protocol/wire'
import { limits } from '#limits'
import type { Log } from '#log'
import type { Approvals } from './approvals.ts'
import { isLocalRun } from './local-run.ts'

/** Answers to questions that came from the server. They are proposals: what counts is decided here, by what the owner of this machine set. */
export type RemoteAnswers = {
  /** Judges an answer, at once or when its question is put. What has no question any more is judged by that. */
  propose(answer: ApprovalAnswer): void
}

export type RemoteAnswersParts = {
  readonly approvals: Pick<Approvals, 'list' | 'respond' | 'subscribe'>
  /** The owner lets others allow calls. */
  readonly mayAllow: boolean
  /** Whether a call has arrived and not started: its question may still be put. */
  isWaiting(toolId: string): boolean
  /** The server need not send it again; it is told why where the answer does not count. One that counts ends its question, which the server is told anyway. */
  judged(toolId: string, refusal?: string): void
  readonly log: Pick<Log, 'info' | 'warn'>
}

const bySuffix = ' (over the server)'
/** The wire's. */
const byCharactersMax = 200

export function createRemoteAnswers(parts: RemoteAnswersParts): RemoteAnswers {
  const { approvals, isWaiting } = parts
  /** Answers whose questions have not been put (again) yet, by call. */
  const early = new Map<string, ApprovalAnswer[]>()

  const judgeEarly = (toolId: string): void => {
    const answers = early.get(toolId) ?? []
    early.delete(toolId)
    for (const answer of answers) propose(answer)
  }
  approvals.subscribe({
    asked({ tool_id }) {
      // Not before whoever else is to be asked has been.
      if (early.has(tool_id)) queueMicrotask(() => judgeEarly(tool_id))
      return false
    },
    resolved: ({ tool_id }) => void early.delete(tool_id),
  })

  function propose(answer: ApprovalAnswer): void {
    const { tool_id } = answer
    for (const toolId of early.keys()) if (!isWaiting(toolId)) early.delete(toolId)
    const question = approvals.list().find((open) => open.tool_id === tool_id && !isLocalRun(open.generation_id))
    if (question) judge(question, answer, parts)
    else if (isWaiting(tool_id))
      early.set(tool_id, [...(early.get(tool_id) ?? []), answer].slice(-limits.earlyAnswersMax))
    else parts.judged(tool_id)
  }
  return { propose }
}

function judge(question: ApprovalQuestion, answer: ApprovalAnswer, parts: RemoteAnswersParts): void {
  const { tool_id: toolId, option_id: option, by } = answer
  const refusal = refusalOf(question, option, parts.mayAllow)
  if (refusal !== undefined) {
    parts.log.warn('an answer to a question came over the server and does not count', { toolId, option, by, refusal })
    return parts.judged(toolId, refusal)
  }
  parts.log.info('a question was answered over the server', { toolId, option, by })
  parts.approvals.respond(toolId, option, `${by.slice(0, byCharactersMax - bySuffix.length)}${bySuffix}`)
}

/** Why an answer does not count; undefined: it does. To deny is always taken, because it opens nothing. */
function refusalOf({ options }: ApprovalQuestion, optionId: string, mayAllow: boolean): string | undefined {
  const option = options.find(({ id }) => id === optionId)
  if (!option) return 'The question has no such answer.'
  if (option.kind === 'deny') return undefined
  if (option.kind === 'always') return '"Always" is said at the machine itself and nowhere else.'
  if (mayAllow) return undefined
  return "The machine's owner lets nobody else allow calls (remoteApprovals in its config.json): answer there, or deny."
}
