import type { Outbox } from './outbox.ts'

/** Tells Maestro that an answer it proposed need not come again, after why it does not count where it does not. Without a link it comes again by itself. */
export function tellJudged(outbox: Pick<Outbox, 'offer'>, toolId: string, refusal?: string): void {
  const ref = `approval_answer:${toolId}`
  if (refusal !== undefined) {
    const payload = { code: 'tool.denied', message: refusal, ref, fatal: false, retryable: false }
    outbox.offer({ type: 'error', payload })
  }
  outbox.offer({ type: 'stored', payload: { ref } })
}
