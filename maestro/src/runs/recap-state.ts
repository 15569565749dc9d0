import { Type } from 'typebox'
import type { Static } from 'typebox'

const text = Type.String()

/** What of a run is kept as facts when its older part is summed up. Everything in it is bounded. */
export const RecapState = Type.Object({
  /** What was asked before in the same conversation, and what came of it. */
  earlier: Type.Array(Type.Object({ prompt: text, answer: text })),
  prompt: text,
  /** What was said to the run since. */
  inputs: Type.Array(text),
  /** The project's plan as it was last read or written. */
  plan: text,
  /** The last changed last. */
  files: Type.Array(Type.Object({ path: text, changes: Type.Integer() })),
  commands: Type.Array(Type.Object({ command: text, ending: text })),
  /** The model's own last summary. */
  summary: text,
  /** What the tools returned since the model's last answer. */
  results: Type.Array(Type.Object({ call: text, text })),
  /** The model's last word without a call. */
  answer: text,
})
export type RecapState = Static<typeof RecapState>
