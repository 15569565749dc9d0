import { limits } from '@codegen/protocol/limits'

/**
 * How long to wait before the next dial after `failures` failed ones in a row: full jitter under a bound that doubles, the first within a
 * quarter of a second. `random` is in [0, 1).
 */
export function backOffMs(failures: number, random: number): number {
  const bound = Math.min(limits.reconnectMsMin * 2 ** Math.min(failures, 20), limits.reconnectMsMax)
  return Math.round(bound * random)
}
