import { hash } from 'node:crypto'

/** A file's content in short: equal digests, equal bytes. */
export function digestOf(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'base64url')
}
