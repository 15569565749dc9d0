/** The daemon's own bounds: durations in milliseconds, sizes in bytes unless the name says otherwise. What both ends rely on is in the protocol's. */
export const limits = {
  /** Longest path a tool may name, and how many names it may be made of (FT-29). */
  pathBytesMax: 4_096,
  pathLevelsMax: 1_000,
  /** How many files' digests one run remembers; the ones not seen for longest are forgotten first. */
  filesRememberedMax: 10_000,
  /** Names one listing may look at before it stops counting. */
  folderEntriesScannedMax: 100_000,
  /** A larger .gitignore is taken as absent. */
  gitignoreBytesMax: 1024 * 1024,
} as const
