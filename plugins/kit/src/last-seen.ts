import { Failure } from '@codegen/protocol/failure'
import type { Files } from './context.ts'
import { shownPath } from './shown-path.ts'

/**
 * Compares a file as it is with what this run last saw of it, so that a change made meanwhile by somebody else is not lost. Fails with file.changed;
 * says `unseen` for a file that this run never read or wrote.
 */
export async function compareWithLastSeen(files: Files, path: string, digest: string): Promise<'same' | 'unseen'> {
  const seen = await files.lastSeen(path)
  if (seen === undefined) return 'unseen'
  if (seen === digest) return 'same'
  throw new Failure(
    'file.changed',
    `${shownPath(path)} changed since this run read it. Read it again, then repeat the change.`,
  )
}
