import { Failure, toFailure } from '@codegen/protocol/failure'
import type { ApprovalQuestion, DaemonMethods } from '@codegen/protocol/local'
import { newClientRef } from '#client-ref'
import type { McpSettings } from './settings.ts'

/** One call of a tool that codegend decides, runs and ends. */
export type OpenCall = {
  /** What comes next: a question whose answer it waits for, or its end. The same again until the question is answered or void. */
  next(): Promise<CallStep>
  /** Tells what the call prints to `listener` from now on, in place of an earlier one. */
  listen(listener: (chunk: string) => void): void
  cancel(): void
}

export type CallStep =
  | AskedStep
  | { readonly kind: 'ended'; readonly outcome: DaemonMethods['tools/call']['result'] }
  | { readonly kind: 'refused'; readonly failure: Failure }

export type AskedStep = {
  readonly kind: 'asked'
  readonly question: ApprovalQuestion
  answer(how: Answer): void
  /** Voids the question: somebody else answered it, or the call is over. */
  readonly signal: AbortSignal
}

export type Answer = 'allow' | 'deny'

export type CallOptions = {
  readonly name: string
  readonly parameters: Readonly<Record<string, unknown>>
  readonly settings: McpSettings
}

/** Begins a call on a connection of its own, so that whatever ends that connection ends this call and no other. Starts codegend where it does not run. */
export function openCall({ name, parameters, settings }: CallOptions): OpenCall {
  const cancelling = new AbortController()
  let asked = Promise.withResolvers<AskedStep>()
  let listener: (chunk: string) => void = () => undefined

  function ask(question: ApprovalQuestion, signal: AbortSignal): Promise<string> {
    const answer = Promise.withResolvers<string>()
    const mine = asked
    const close = (): void => {
      if (asked === mine) asked = Promise.withResolvers()
    }
    signal.addEventListener('abort', () => {
      close()
      answer.reject(signal.reason)
    })
    mine.resolve({
      kind: 'asked',
      question,
      signal,
      answer(how) {
        close()
        answer.resolve(optionOf(question, how))
      },
    })
    return answer.promise
  }

  async function run(): Promise<CallStep> {
    const { cwd, mode, door } = settings
    try {
      const client = await door.connect({ toolOutput: ({ chunk }) => listener(chunk), question: ask })
      try {
        const call = { name, parameters, cwd, mode, client_ref: newClientRef() }
        return { kind: 'ended', outcome: await client.callTool(call, cancelling.signal) }
      } finally {
        client.close()
      }
    } catch (thrown) {
      return { kind: 'refused', failure: toFailure(thrown) }
    }
  }

  const end = run()
  return {
    next: () => Promise.race([end, asked.promise]),
    listen: (next) => void (listener = next),
    cancel: () => cancelling.abort(),
  }
}

function optionOf(question: ApprovalQuestion, how: Answer): string {
  const option = question.options.find(({ kind }) => kind === how)
  if (option) return option.id
  throw new Failure('request.invalid', `The question cannot be answered with ${how}.`)
}
