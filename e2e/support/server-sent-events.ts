/** One event of a stream, as it was sent. */
export type SentEvent = { readonly id: string; readonly event: string; readonly data: string }

/** The events of a stream as they come; undefined for a comment, by which a server says that it is still there. */
export async function* serverSentEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<SentEvent | undefined> {
  let rest = ''
  for await (const piece of body.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + piece).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) yield block.startsWith(':') ? undefined : toEvent(block)
  }
}

function toEvent(block: string): SentEvent {
  const fields = new Map(
    block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  )
  return { id: fields.get('id') ?? '', event: fields.get('event') ?? '', data: fields.get('data') ?? '' }
}
