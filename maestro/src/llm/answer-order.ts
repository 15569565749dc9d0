import type { AnswerPart } from '#runs/dialect'
import type { ToolRequest } from '#runs/tool-request'
import type { Delta } from './delta.ts'

/** In which order thoughts, texts and requests came, where that matters to the model that is told of it. */
export type AnswerOrder = {
  /** True when a further message begins. */
  begin(delta: Delta): boolean
  text(piece: string): void
  thought(json: string): void
  request(): void
  /** The pieces, with the requests as they were made in the end; undefined where content and requests tell all. */
  toParts(requests: readonly ToolRequest[]): AnswerPart[] | undefined
}

type Piece =
  | { readonly kind: 'reasoning'; readonly json: string }
  | { readonly kind: 'text'; readonly at: number | undefined; text: string; phase: string | undefined }
  | { readonly kind: 'request' }

export function createOrder(): AnswerOrder {
  const pieces: Piece[] = []
  let open: Extract<Piece, { kind: 'text' }> | undefined
  let isTelling = false

  return {
    begin({ message }) {
      if (!message) return false
      const known = pieces.find((piece) => piece.kind === 'text' && piece.at === message.at)
      if (known?.kind === 'text') {
        known.phase = message.phase ?? known.phase
        open = known
      } else {
        open = { kind: 'text', at: message.at, text: '', phase: message.phase }
        pieces.push(open)
      }
      isTelling ||= open.phase !== undefined
      return open.text === ''
    },
    text(piece) {
      if (piece === '') return
      if (!open) {
        open = { kind: 'text', at: undefined, text: '', phase: undefined }
        pieces.push(open)
      }
      open.text += piece
    },
    thought(json) {
      pieces.push({ kind: 'reasoning', json })
      isTelling = true
    },
    request() {
      pieces.push({ kind: 'request' })
    },
    toParts(requests) {
      // One text before the calls is what content and requests say anyway.
      if (!isTelling && pieces.findLastIndex((piece) => piece.kind === 'text') <= 0) return undefined
      const left = [...requests]
      return pieces.flatMap((piece): AnswerPart | [] => {
        if (piece.kind === 'reasoning') return piece
        if (piece.kind === 'text') return toText(piece)
        const request = left.shift()
        return request ? { kind: 'request', request } : []
      })
    },
  }
}

function toText({ text, phase }: { text: string; phase: string | undefined }): AnswerPart {
  return { kind: 'text', text: toSavable(text), ...(phase === undefined ? {} : { phase }) }
}

/** What Postgres refuses to keep in a text: a NUL and half a character. */
export function toSavable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\u{fffd}')
}
