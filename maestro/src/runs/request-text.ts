import { createHash } from 'node:crypto'
import type { Dialect, RequestHead } from './dialect.ts'

/** A request to the model as bytes, and their SHA-256. */
export type RequestText = { readonly body: string; readonly digest: string }

/**
 * What the model sees of a run: a request that only ever grows at its end. Model and tools come first and the messages last, so each
 * request begins with the bytes of the one before, and neither its text nor its digest is made anew from turn to turn.
 */
export function createTranscript(dialect: Dialect, head: RequestHead): Transcript {
  let text = ''
  const hash = createHash('sha256')
  const add = (piece: string): void => {
    text += piece
    hash.update(piece)
  }
  add(dialect.head(head))
  let isListEmpty = text.endsWith('[')

  return {
    add(shown) {
      if (shown === null) return
      add(isListEmpty ? shown : `,${shown}`)
      isListEmpty = false
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
