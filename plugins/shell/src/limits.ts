import { limits as protocolLimits } from '@codegen/protocol/limits'

/** The bounds of this tool. */
export const limits = {
  /** Output shown to the model: what a result may hold, less the lines that say how the command ended and what was cut. */
  outputCharactersMax: protocolLimits.toolResultCharactersMax - 1_000,
} as const
