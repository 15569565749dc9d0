import { readFileSync } from 'node:fs'
import { uptime } from 'node:os'

/** Names this boot of the machine: Linux knows; elsewhere it is the minute it started in, which a changed clock may shift. */
export function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  } catch {
    return `booted-${Math.round((Date.now() / 1000 - uptime()) / 60)}`
  }
}
