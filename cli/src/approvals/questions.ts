import { Failure } from '@codegen/protocol/failure'
import type { ApprovalQuestion, Notifications } from '@codegen/protocol/local'
import { limits } from '#limits'
import type { Terminal } from '#render/terminal'
import { toOneLine } from '#render/visible'
import { drawQuestion } from './draw-question.ts'
import { findKeyboard } from './keyboard.ts'
import type { Keyboard } from './keyboard.ts'

type Resolution = Notifications['approval/resolved']

/** Answers a run's questions. */
export type Questions = {
  /** Puts one question at a time; answers with the id of the option. Without a terminal the answer is no. */
  ask(question: ApprovalQuestion, signal: AbortSignal): Promise<string>
  /** How a question ended, here or elsewhere; before its signal voids it. */
  resolved(resolution: Resolution): void
  /** A call was denied for want of a terminal. */
  readonly deniedWithoutTerminal: boolean
}

/** `find` says which keyboard they are answered on. */
export function createQuestions(terminal: Terminal, onInterrupt: () => void, find = findKeyboard): Questions {
  let keyboard: Keyboard | undefined | 'unknown' = 'unknown'
  let last: Promise<unknown> = Promise.resolve()
  let deniedWithoutTerminal = false
  let resolution: Resolution | undefined

  function ask(question: ApprovalQuestion, signal: AbortSignal): Promise<string> {
    if (keyboard === 'unknown') keyboard = find()
    if (!keyboard) return Promise.resolve(deny(question))
    const asked = { question, signal, keyboard, terminal, onInterrupt, whyVoid: () => toReason(question, resolution) }
    const answer = last.then(() => putQuestion(asked))
    last = answer.catch(() => undefined)
    return answer
  }

  function deny(question: ApprovalQuestion): string {
    const what = toOneLine(question.title, limits.toolLabelCharactersMax)
    deniedWithoutTerminal = true
    terminal.note(
      `denied, because there is no terminal to ask on: ${what} (allow with --auto, or run codegen in a terminal)`,
    )
    return optionOf(question, 'deny')
  }

  return {
    ask,
    resolved(news) {
      resolution = news
    },
    get deniedWithoutTerminal() {
      return deniedWithoutTerminal
    },
  }
}

type AskedQuestion = {
  question: ApprovalQuestion
  signal: AbortSignal
  keyboard: Keyboard
  terminal: Terminal
  onInterrupt: () => void
  /** Why no answer is needed any more. */
  whyVoid(): string
}

async function putQuestion(asked: AskedQuestion): Promise<string> {
  const { question, signal, keyboard, terminal, onInterrupt, whyVoid } = asked
  signal.throwIfAborted()
  terminal.hold()
  keyboard.open()
  try {
    await new Promise((resolve) => setTimeout(resolve, limits.typedAheadMs))
    terminal.ask(drawQuestion(question, terminal.questionScreen()))
    const kind = await nextAnswer({ question, keyboard, signal, onInterrupt })
    terminal.ask(`${words[kind]}\n`)
    return optionOf(question, kind)
  } catch (failure) {
    terminal.ask(`${whyVoid()}\n`)
    throw failure
  } finally {
    keyboard.close()
    terminal.release()
  }
}

function toReason({ tool_id }: ApprovalQuestion, resolution: Resolution | undefined): string {
  if (resolution?.tool_id !== tool_id) return 'no answer is needed any more'
  const by = toOneLine(resolution.by, limits.toolLabelCharactersMax)
  if (resolution.outcome === 'allowed') return `answered elsewhere: yes, by ${by}`
  if (resolution.outcome === 'denied') return `answered elsewhere: no, by ${by}`
  return resolution.outcome === 'expired' ? 'nobody answered in time' : 'no answer is needed any more'
}

type Kind = ApprovalQuestion['options'][number]['kind']

const kinds: Readonly<Record<string, Kind>> = { y: 'allow', Y: 'allow', n: 'deny', N: 'deny', a: 'always', A: 'always' }
const words: Readonly<Record<Kind, string>> = { allow: 'yes', deny: 'no', always: 'always' }
const controlC = '\x03'

function nextAnswer({
  question,
  keyboard,
  signal,
  onInterrupt,
}: Omit<AskedQuestion, 'terminal' | 'whyVoid'>): Promise<Kind> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    keyboard.listen((key) => {
      const kind = Object.hasOwn(kinds, key) ? kinds[key] : undefined
      if (kind && question.options.some((option) => option.kind === kind)) resolve(kind)
      // With keys read one by one the terminal makes no signal of it.
      else if (key === controlC) onInterrupt()
    })
  })
}

function optionOf(question: ApprovalQuestion, kind: Kind): string {
  const option = question.options.find((candidate) => candidate.kind === kind)
  if (option) return option.id
  throw new Failure('request.invalid', `The question cannot be answered with ${words[kind]}.`)
}
