import type { ToolRequest } from './tool-request.ts'

/** Which of the two APIs of OpenAI a run's requests are written for. It belongs to the run: saved with its first entry, kept wherever it goes on. */
export type DialectName = 'chat' | 'responses'

/**
 * How a run is put to the model: pure, the same bytes for the same words. What an entry shows is rendered once, when it is saved; a request is its head,
 * what the entries show joined by commas, and `]}`.
 */
export type Dialect = {
  readonly name: DialectName
  /** The request up to its first message. */
  head(of: RequestHead): string
  /** The tool list, from the toolbelt's own. */
  tools(toolbeltJson: string): string
  user(text: string): string
  /** An answer with what it asked for; arguments are repeated as the model wrote them. Null when there is nothing to repeat. */
  answer(answer: ShownAnswer): string | null
  result(requestId: string, text: string): string
}

export type RequestHead = {
  readonly model: string
  /** As `tools` made it. */
  readonly toolsJson: string
  readonly systemPrompt: string
  /** What else the run's requests carry: members as JSON text, each with its comma. */
  readonly options: string
}

export type ShownAnswer = {
  readonly content: string
  readonly requests: readonly ToolRequest[]
  /** The same in the model's own order, with its thoughts between, where it is known. */
  readonly parts?: readonly AnswerPart[] | undefined
}

/** A piece of an answer. The text of a reasoning piece is JSON that its server wants back as it is, and that nobody else reads. */
export type AnswerPart =
  | { readonly kind: 'reasoning'; readonly json: string }
  | { readonly kind: 'text'; readonly text: string; readonly phase?: string | undefined }
  | { readonly kind: 'request'; readonly request: ToolRequest }
