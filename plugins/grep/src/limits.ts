/** What one call shows, as its definition says. */
export const limits = {
  matchesDefault: 100,
} as const
