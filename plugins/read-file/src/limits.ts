import { limits as protocolLimits } from '@codegen/protocol/limits'

/** What one call shows. */
export const limits = {
  linesMax: 2_000,
  lineCharactersMax: 2_000,
  /** Of all lines together, with room for the line about the file; only whole lines are shown, and where to go on is said. */
  charactersMax: protocolLimits.toolResultCharactersMax - 1_000,
  /** Of a file that is too big to be read, what is looked at. */
  headBytesMax: 64 * 1024,
} as const
