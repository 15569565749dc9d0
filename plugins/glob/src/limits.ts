/** What one call shows. */
export const limits = {
  pathsMax: 200,
} as const
