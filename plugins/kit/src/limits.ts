/** The bounds that tools on text share. Characters are UTF-16 code units, as in JavaScript's `length`. */
export const limits = {
  /** The largest file that is read as text. */
  textBytesMax: 32 * 1024 * 1024,
  /** Stray bytes in UTF-8; with more, the file is in another encoding or no text. */
  strayBytesMax: 100_000,
  /** Of a diff, what a model is shown; and at most this much of one line. */
  diffLinesMax: 400,
  diffCharactersMax: 28_000,
  lineCharactersMax: 2_000,
  /** Of the diff of a new file, which its author has just written. */
  newFileDiffLinesMax: 40,
  /** Of a diff, what its owner is shown before allowing it. */
  previewLinesMax: 20_000,
  previewCharactersMax: 1_000_000,
  /** Lines that differ, old and new together, up to which the shortest diff is looked for. */
  diffComparedLinesMax: 20_000,
  /** How long the shortest diff is looked for before a longer one is taken. */
  diffMsMax: 100,
  diffEditsMax: 4_000,
  /** How much of a file is searched for the place nearest to a piece that is not in it, and how much of the piece and the place is used. */
  nearestLinesMax: 50_000,
  nearestPieceLinesMax: 200,
  nearestShownLinesMax: 12,
  nearestLineCharactersMax: 200,
  comparedCharactersMax: 200,
  /** Share of words that two lines must have in common to be called alike. */
  likenessMin: 0.3,
  /** Names looked at, and named, when a path does not exist. */
  nearNamesScannedMax: 1_000,
  nearNamesMax: 3,
} as const
