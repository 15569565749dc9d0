import { createHash } from 'node:crypto'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '@codegen/protocol/limits'
import type { ApprovalQuestion } from '@codegen/protocol/local'
import type { ApprovalOption, ApprovalRequested, ApprovalResolved } from '@codegen/protocol/wire'
import { limits as ownLimits } from '#limits'
import { cutMiddle } from './bound-result.ts'
import type { CallReports } from './ports.ts'

/** How a question ended. `by` is a word for who answered. */
export type Resolution = Pick<ApprovalResolved, 'tool_id' | 'generation_id' | 'outcome' | 'by'>

/** Who shows questions to people. */
export type QuestionListener = {
  /** Whether it is being put to somebody right now. */
  asked(question: ApprovalQuestion): boolean
  resolved(resolution: Resolution): void
}

/** The open questions. Each is answered once; the first answer counts. */
export type Approvals = {
  /** Puts a question and waits for the answer: days, if need be, unless nobody is there and it is not to wait. `signal` voids it. */
  ask(question: AskedCall, signal: AbortSignal): Promise<Resolution & { always: boolean }>
  /** Fails with run.finished when the question is not open (any more) and request.invalid when it has no such option. */
  respond(toolId: string, optionId: string, by: string): void
  list(): ApprovalQuestion[]
  /** Tells of questions from now on; those that are open are in `list`. Returns how to stop. */
  subscribe(listener: QuestionListener): () => void
}

export type AskedCall = Omit<ApprovalQuestion, 'options'> & {
  readonly parameters: Readonly<Record<string, unknown>>
  /** "Always" is one of the answers. */
  readonly lasting: boolean
  /** It stays open until somebody comes. */
  readonly waits: boolean
}

type OpenQuestion = {
  readonly question: ApprovalQuestion
  resolve(how: { outcome: Resolution['outcome']; by: string; always?: boolean }): void
}

/** A desk without questions. Maestro is told of each question and of its end. */
export function createApprovals(reports: Pick<CallReports, 'approvalRequested' | 'approvalResolved'>): Approvals {
  const open = new Map<string, OpenQuestion>()
  const listeners = new Set<QuestionListener>()

  function ask(
    { parameters, lasting, waits, ...call }: AskedCall,
    signal: AbortSignal,
  ): Promise<Resolution & { always: boolean }> {
    const question = { ...call, options: optionsFor(call.tool_name, lasting) }
    const { tool_id, generation_id } = question
    return new Promise((settle) => {
      const expiry = setTimeout(() => resolve({ outcome: 'expired', by: 'codegend' }), limits.approvalMsMax)
      const cancel = (): void => resolve({ outcome: 'cancelled', by: 'maestro' })
      const resolve: OpenQuestion['resolve'] = ({ outcome, by, always = false }) => {
        if (!open.delete(tool_id)) return
        clearTimeout(expiry)
        signal.removeEventListener('abort', cancel)
        const resolution = { tool_id, generation_id, outcome, by }
        reports.approvalResolved(resolution)
        for (const listener of listeners) listener.resolved(resolution)
        settle({ ...resolution, always })
      }
      open.set(tool_id, { question, resolve })
      signal.addEventListener('abort', cancel)
      reports.approvalRequested(toRequest(question, parameters))
      const isPut = [...listeners].map((listener) => listener.asked(question)).includes(true)
      if (signal.aborted) cancel()
      else if (!isPut && !waits) resolve({ outcome: 'expired', by: 'codegend' })
    })
  }

  return {
    ask,
    respond(toolId, optionId, by) {
      const found = open.get(toolId)
      if (!found) throw new Failure('run.finished', 'This question was answered before or is void.')
      const option = found.question.options.find(({ id }) => id === optionId)
      if (!option) throw new Failure('request.invalid', `The question has no answer "${optionId.slice(0, 100)}".`)
      found.resolve({ outcome: option.kind === 'deny' ? 'denied' : 'allowed', always: option.kind === 'always', by })
    },
    list: () => [...open.values()].map(({ question }) => question),
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}

function optionsFor(toolName: string, lasting: boolean): ApprovalOption[] {
  const once: ApprovalOption[] = [
    { id: 'allow', kind: 'allow', label: 'Yes' },
    { id: 'deny', kind: 'deny', label: 'No' },
  ]
  return lasting ? [...once, { id: 'always', kind: 'always', label: `Always allow ${toolName} in this run` }] : once
}

function toRequest(question: ApprovalQuestion, parameters: AskedCall['parameters']): ApprovalRequested {
  const { tool_id, generation_id, tool_name, title, preview, options } = question
  const digest = createHash('sha256')
    .update(JSON.stringify([tool_name, parameters]))
    .digest('hex')
  return {
    tool_id,
    generation_id,
    title,
    preview: toWirePreview(preview),
    digest: `sha256:${digest}`,
    options,
    expires_in_ms: limits.approvalMsMax,
  }
}

/** Maestro is told what it is about; a large diff is for the owner's eyes alone. */
function toWirePreview(preview: ApprovalQuestion['preview']): ApprovalRequested['preview'] {
  const entries = Object.entries(preview).map(([kind, text]) => [kind, shorten(text)] as const)
  return Object.fromEntries(entries)
}

function shorten(text: string): string {
  const { previewCharactersMax } = ownLimits
  return (text.length > previewCharactersMax ? cutMiddle(text, previewCharactersMax) : text).toWellFormed()
}
