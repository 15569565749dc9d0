import type { MaestroProcess } from './maestro.ts'
import type { Frame } from './executor.ts'

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
  let text = ''
  for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
    text += piece
    const blocks = text.split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) if (!block.startsWith(':')) yield toEvent(block)
  }
}

/** A run that ends, at its end: its row as the API shows it, and its facts. */
export async function readRun(maestro: MaestroProcess, generationId: string) {
  const facts: SeenEvent[] = []
  for await (const event of watchRun(maestro, generationId)) if (event.id.endsWith('-0')) facts.push(event)
  return { run: await maestro.json(`/v1/runs/${generationId}`), facts }
}

function toEvent(block: string): SeenEvent {
  const fields = new Map(
    block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  )
  const frame: Frame = JSON.parse(fields.get('data') ?? '{}')
  return { id: fields.get('id') ?? '', ...frame }
}
