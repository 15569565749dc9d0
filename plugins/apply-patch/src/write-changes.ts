import { shownPath } from '@codegen/kit'
import type { Files } from '@codegen/kit'
import { Failure, toFailure } from '@codegen/protocol/failure'
import type { FileChange } from './plan-patch.ts'

/** One thing done to the disk, and how it is taken back. */
type Step = { readonly path: string; do(): Promise<unknown>; undo(): Promise<unknown> }

/**
 * Makes all changes, or none: what fails in the middle puts back what was done before it, and says so. What is put back is never put over somebody else's change;
 * then the failure names the file that stays as it is.
 */
export async function writeChanges(
  changes: readonly FileChange[],
  { files, signal }: { files: Files; signal: AbortSignal },
): Promise<void> {
  const writes = changes.flatMap((change) => toWrite(change, files))
  const removals = changes.flatMap((change) => toRemoval(change, files))
  const done: Step[] = []
  try {
    for (const step of [...writes, ...removals]) {
      signal.throwIfAborted()
      await step.do()
      done.unshift(step)
    }
  } catch (error) {
    throw done.length === 0 ? error : await takenBack(error, done)
  }
}

function toWrite({ kind, path, to, bytes, old }: FileChange, files: Files): Step[] {
  if (!bytes) return []
  const target = to ?? path
  const isNew = kind !== 'update'
  const ifDigest = isNew ? null : (old?.digest ?? null)
  const mode = old === undefined ? {} : { mode: old.mode }
  return [
    {
      path: target,
      do: () => files.write(target, bytes, { ifDigest, ...mode }),
      // Only what this patch wrote is taken back: the run last saw exactly that.
      async undo() {
        const written = (await files.lastSeen(target)) ?? ''
        if (isNew) await files.remove(target, { ifDigest: written })
        else await files.write(target, old?.bytes ?? Buffer.alloc(0), { ifDigest: written })
      },
    },
  ]
}

function toRemoval({ kind, path, old }: FileChange, files: Files): Step[] {
  if (!old || (kind !== 'delete' && kind !== 'move')) return []
  return [
    {
      path,
      do: () => files.remove(path, { ifDigest: old.digest }),
      undo: () => files.write(path, old.bytes, { ifDigest: null, mode: old.mode }),
    },
  ]
}

async function takenBack(error: unknown, done: readonly Step[]): Promise<Failure> {
  const left: string[] = []
  for (const step of done) if (!(await isUndone(step))) left.push(shownPath(step.path))
  const { code, message } = toFailure(error)
  const outcome =
    left.length === 0
      ? 'What the patch had changed before is put back.'
      : `What the patch had changed before is put back, but for ${left.join(', ')}: look at it.`
  return new Failure(code, `${message} ${outcome}`, { cause: error })
}

async function isUndone(step: Step): Promise<boolean> {
  try {
    await step.undo()
    return true
  } catch {
    return false
  }
}
