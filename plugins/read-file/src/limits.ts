/** What one call shows. */
export const limits = {
  linesMax: 2_000,
  lineCharactersMax: 2_000,
  /** Of all lines together; only whole lines are shown, and where to go on is said. */
  charactersMax: 100_000,
  /** Of a file that is too big to be read, what is looked at. */
  headBytesMax: 64 * 1024,
} as const
