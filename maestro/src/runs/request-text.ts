import { createHash } from 'node:crypto'

/** A request to the model as bytes, and their SHA-256. */
export type RequestText = { readonly body: string; readonly digest: string }

/**
 * What the model sees of a run: a request that only ever grows at its end. Model and tools come first and the messages last, so each
 * request begins with the bytes of the one before, and neither its text nor its digest is made anew from turn to turn.
 */
export function createTranscript(head: { model: string; toolsJson: string; systemMessage: string }): Transcript {
  let text = ''
  const hash = createHash('sha256')
  const add = (piece: string): void => {
    text += piece
    hash.update(piece)
  }
  const tools = head.toolsJson === '[]' ? '' : `"tools":${head.toolsJson},`
  add(
    `{"model":${JSON.stringify(head.model)},"stream":true,"stream_options":{"include_usage":true},${tools}"messages":[${head.systemMessage}`,
  )

  return {
    add(shown) {
      if (shown !== null) add(`,${shown}`)
    },
    toRequest() {
      return { body: `${text}]}`, digest: hash.copy().update(']}').digest('hex') }
    },
  }
}

export type Transcript = {
  /** Adds what one entry shows. */
  add(shown: string | null): void
  /** The whole request as it stands. */
  toRequest(): RequestText
}
