import { limits as protocolLimits } from '@codegen/protocol/limits'
import { limits } from '#limits'

/**
 * How long to wait before the next dial after `failures` failed ones in a row: full jitter under a bound that doubles, the first within a
 * quarter of a second. `random` is in [0, 1).
 */
export function backOffMs(failures: number, random: number): number {
  const bound = Math.min(protocolLimits.reconnectMsMin * 2 ** Math.min(failures, 20), protocolLimits.reconnectMsMax)
  return Math.round(bound * random)
}

/** How long to wait for an answer to that dial, and for the welcome after it. */
export function dialPatienceMs(failures: number): number {
  return Math.min(limits.dialMsMin * 2 ** Math.min(failures, 20), limits.dialMsMax)
}
