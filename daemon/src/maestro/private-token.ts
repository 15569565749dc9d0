import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The token of the private Maestro, made once and kept 0600 in its state folder: an executor is bound to the token it first used, and is the same one after a
 * restart.
 */
export function loadPrivateToken(stateFolder: string): string {
  const file = join(stateFolder, 'token')
  const kept = readKept(file)
  if (kept !== undefined) return kept
  const token = randomBytes(32).toString('hex')
  mkdirSync(stateFolder, { recursive: true, mode: 0o700 })
  writeFileSync(file, `${token}\n`, { mode: 0o600 })
  return token
}

function readKept(file: string): string | undefined {
  try {
    const text = readFileSync(file, 'utf8').trim()
    chmodSync(file, 0o600)
    return /^[0-9a-f]{64}$/.test(text) ? text : undefined
  } catch {
    // Not there, or not ours to read: a new one is written, or that says what is wrong.
    return undefined
  }
}
