import type { MaestroProcess } from './maestro.ts'
import type { Frame } from './executor.ts'
import { serverSentEvents } from './server-sent-events.ts'

/** One event of a run as a viewer gets it. */
export type SeenEvent = Frame & { readonly id: string }

/** Watches a run over HTTP from its beginning, or after an event, to its end. */
export async function* watchRun(
  maestro: MaestroProcess,
  generationId: string,
  after?: string,
): AsyncGenerator<SeenEvent> {
  const headers = after === undefined ? {} : { 'last-event-id': after }
  const answer = await maestro.fetch(`/v1/runs/${generationId}/events`, {
    headers,
    signal: AbortSignal.timeout(60_000),
  })
  if (!answer.ok || !answer.body) throw new Error(`${answer.status} ${await answer.text()}`)
  for await (const sent of serverSentEvents(answer.body)) {
    if (!sent) continue
    const frame: Frame = JSON.parse(sent.data)
    yield { id: sent.id, ...frame }
  }
}

/** A run that ends, at its end: its row as the API shows it, and its facts. */
export async function readRun(maestro: MaestroProcess, generationId: string) {
  const facts: SeenEvent[] = []
  for await (const event of watchRun(maestro, generationId)) if (event.id.endsWith('-0')) facts.push(event)
  return { run: await maestro.json(`/v1/runs/${generationId}`), facts }
}
