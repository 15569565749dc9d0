import { shownPath } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import type { FailureCode } from '@codegen/protocol/failure'

type Meaning = readonly [code: FailureCode, sentence: string]

const meanings: Readonly<Record<string, Meaning>> = {
  ENOENT: ['file.not_found', 'does not exist.'],
  ENOTDIR: ['file.bad_path', 'goes through something that is not a folder.'],
  EISDIR: ['file.not_regular', 'is a folder, not a file.'],
  ELOOP: ['file.bad_path', 'goes through links that turn in a circle or have just changed.'],
  ENAMETOOLONG: ['file.bad_path', 'has a name that is too long for this disk.'],
  EILSEQ: ['file.bad_path', 'has a name that this disk cannot hold.'],
  EINVAL: ['file.bad_path', 'has a name that this disk cannot hold.'],
  ENXIO: ['file.not_regular', 'is not a regular file.'],
}

const readMeanings: Readonly<Record<string, Meaning>> = {
  EACCES: ['file.unreadable', 'may not be read: permission denied.'],
  EPERM: ['file.unreadable', 'may not be read: permission denied.'],
}

const writeMeanings: Readonly<Record<string, Meaning>> = {
  EACCES: ['file.unwritable', 'may not be written: permission denied.'],
  EPERM: ['file.unwritable', 'may not be written: permission denied.'],
  EROFS: ['file.unwritable', 'is on a read-only disk.'],
  ENOSPC: ['file.unwritable', 'could not be written: the disk is full. What was there before is unchanged.'],
  EDQUOT: ['file.unwritable', 'could not be written: the disk quota is used up. What was there before is unchanged.'],
  EFBIG: ['file.unwritable', 'could not be written: it is larger than this disk or process allows.'],
}

/** What the file system said, as a Failure whose message names the path as it was given. A Failure passes as it is. */
export function fileFailure(error: unknown, path: string, doing: 'read' | 'write'): Failure {
  if (error instanceof Failure) return error
  const word = errorCode(error)
  const meaning = (doing === 'read' ? readMeanings : writeMeanings)[word] ?? meanings[word]
  if (meaning) return new Failure(meaning[0], `${shownPath(path)} ${meaning[1]}`, { cause: error })
  const code = doing === 'read' ? 'file.unreadable' : 'file.unwritable'
  const verb = doing === 'read' ? 'read' : 'written'
  return new Failure(code, `${shownPath(path)} could not be ${verb} (${word || 'unknown error'}).`, { cause: error })
}

/** Whether a file system call failed with this word, such as ENOENT. */
export function isErrorCode(error: unknown, code: string): boolean {
  return errorCode(error) === code
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
