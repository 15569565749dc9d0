/** Every bound of the scripted model. A benchmark of 50 turns with 8 runs side by side stays far below each. */
export const limits = {
  /** A request body; what Maestro itself could never send. */
  requestBytesMax: 32 * 1024 * 1024,
  /** Requests remembered in memory; the oldest go first. */
  seenRequestsMax: 5000,
  /** Bytes of the bodies remembered in memory; the oldest go first. */
  seenBytesMax: 128 * 1024 * 1024,
  /** Places (conversation, prompt, step) whose attempts are counted; the oldest go first. */
  attemptPlacesMax: 10_000,
  /** A scenario file. */
  scenarioBytesMax: 4 * 1024 * 1024,
  /** Turns one `loop` may make. */
  loopTurnsMax: 1_000_000,
  /** Deltas one `repeat` may make. */
  repeatsMax: 1_000_000,
  /** An idle connection is kept this long, so that a client's next turn finds it warm. */
  idleConnectionMsMax: 75_000,
  /** The longest wait a scenario may ask for. */
  waitMsMax: 3_600_000,
} as const
