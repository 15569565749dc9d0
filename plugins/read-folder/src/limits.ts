import { limits as protocolLimits } from '@codegen/protocol/limits'

/** What one call shows. */
export const limits = {
  entriesMax: 1_000,
  /** Of all entries together, with room for the line about the folder. */
  charactersMax: protocolLimits.toolResultCharactersMax - 1_000,
} as const
