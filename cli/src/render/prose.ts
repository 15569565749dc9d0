import { noColours } from './colours.ts'
import { createMarkdown } from './markdown.ts'
import type { Markdown } from './markdown.ts'
import type { Terminal } from './terminal.ts'

/** The model's Markdown, rendered where a terminal can show how it is meant, and elsewhere as the model wrote it. */
export function createProse(terminal: Terminal): Markdown {
  let chosen: Markdown | undefined
  /** Decided at the first piece: what kind of terminal it is costs a moment that the first request should not wait for. */
  function choose(): Markdown {
    chosen ??= terminal.colours === noColours ? asWritten : createMarkdown(terminal.colours, () => terminal.columns)
    return chosen
  }
  return { push: (piece) => choose().push(piece), end: () => chosen?.end() ?? '' }
}

const asWritten: Markdown = { push: (piece) => piece, end: () => '' }
