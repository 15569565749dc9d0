/** What one edit may do, and how far its failures explain. */
export const limits = {
  replacementsMax: 100_000,
  /** Places named when a piece is not unique. */
  placesShownMax: 20,
  /** How much of a file is searched for the place nearest to a piece that is not in it, and how much of the piece and the place is used. */
  nearestLinesMax: 50_000,
  nearestPieceLinesMax: 200,
  nearestShownLinesMax: 12,
  comparedCharactersMax: 200,
  shownLineCharactersMax: 200,
  /** Share of words that two lines must have in common to be called alike. */
  likenessMin: 0.3,
} as const
