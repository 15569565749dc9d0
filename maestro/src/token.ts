import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * The token of a Maestro that was given none: made once and kept in the state folder, readable by its owner only. Returns it and the file it is in.
 */
export async function loadOwnToken(stateFolder: string): Promise<{ token: string; file: string }> {
  const file = join(stateFolder, 'token')
  const kept = await readFile(file, 'utf8').catch(() => '')
  if (/^[0-9a-f]{64}\n?$/.test(kept)) {
    await chmod(file, 0o600)
    return { token: kept.trim(), file }
  }
  const token = randomBytes(32).toString('hex')
  await mkdir(stateFolder, { recursive: true, mode: 0o700 })
  await writeFile(file, `${token}\n`, { mode: 0o600 })
  return { token, file }
}
