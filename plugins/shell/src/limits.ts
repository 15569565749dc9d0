/** The bounds of this tool. */
export const limits = {
  /** Output shown to the model, head and tail together; the whole of it stays in a file. */
  outputCharactersMax: 30_000,
} as const
