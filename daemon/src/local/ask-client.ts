import { Failure } from '@codegen/protocol/failure'
import type { ApprovalQuestion } from '@codegen/protocol/local'
import type { Log } from '#log'
import type { Client } from './client.ts'
import type { Approvals } from './ports.ts'

/**
 * Puts the questions of the runs a client is attached to before it, if it said that it answers them. The first answer of any client counts; the
 * others are told. A client that leaves or answers nonsense leaves the question open.
 */
export function askClient(client: Client, approvals: Approvals, log: Log): { askAgain(): void; stop(): void } {
  const asked = new Map<string, AbortController>()

  function ask(question: ApprovalQuestion): boolean {
    const { tool_id, generation_id } = question
    const { introduction } = client
    if (!introduction?.answersApprovals || !client.isAttached(generation_id)) return false
    if (asked.has(tool_id)) return true
    const controller = new AbortController()
    const { signal } = controller
    asked.set(tool_id, controller)
    client.peer
      .request('approval/request', question, { timeoutMs: Infinity, signal })
      .then((answer) => approvals.respond(tool_id, parseOption(answer), introduction.name))
      .catch((failure: unknown) => {
        log.info('a question was not answered by a client it was put to', { tool_id, reason: String(failure) })
      })
      .finally(() => asked.delete(tool_id))
    return true
  }

  const unsubscribe = approvals.subscribe({
    asked: ask,
    resolved({ generation_id, ...resolution }) {
      if (client.isAttached(generation_id)) client.peer.notify('approval/resolved', resolution)
      asked.get(resolution.tool_id)?.abort(new Failure('client.cancelled', 'The question is open no more.'))
    },
  })

  return {
    askAgain() {
      for (const question of approvals.list()) ask(question)
    },
    stop() {
      unsubscribe()
      for (const controller of asked.values()) controller.abort()
    },
  }
}

function parseOption(answer: unknown): string {
  if (typeof answer === 'object' && answer !== null && 'option_id' in answer) {
    const { option_id } = answer
    if (typeof option_id === 'string') return option_id
  }
  throw new Failure('request.invalid', 'The answer names no option.')
}
