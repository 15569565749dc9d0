/** What one edit may do, and how far its failures explain. */
export const limits = {
  replacementsMax: 100_000,
  /** Places named when a piece is not unique. */
  placesShownMax: 20,
} as const
