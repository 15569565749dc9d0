/** What one patch may hold, and how far its failures explain. */
export const limits = {
  filesMax: 200,
  /** Places named when lines are not unique. */
  placesShownMax: 20,
  shownLineCharactersMax: 200,
} as const
