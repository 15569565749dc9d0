import {
  compareWithLastSeen,
  decodeText,
  encodeLike,
  limits as textLimits,
  readTextFile,
  shownPath,
  toBytes,
} from '@codegen/kit'
import type { FileStat, Files } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { applyHunks } from './apply-hunks.ts'
import type { PatchSection } from './parse-patch.ts'

/** What becomes of one file, worked out before anything is touched. */
export type FileChange = {
  readonly kind: 'add' | 'update' | 'move' | 'delete'
  readonly path: string
  /** Of a move. */
  readonly to?: string
  /** Undefined for what is no text. */
  readonly before: string | undefined
  readonly after: string
  /** The new content; undefined where the file is deleted. */
  readonly bytes: Uint8Array | undefined
  /** What is there now; undefined where nothing is. */
  readonly old: { readonly bytes: Uint8Array; readonly digest: string; readonly mode: number } | undefined
}

/**
 * Plans a whole patch from the files as they are. Each keeps its encoding, byte order mark and line ends. A file that changed since this run read it is
 * file.changed; one it never read may be patched, since its lines must be there anyway. Fails as `applyHunks` does, or as `files` do.
 */
export async function planPatch(sections: readonly PatchSection[], files: Files): Promise<FileChange[]> {
  const changes: FileChange[] = []
  const named = new Set<string>()
  for (const section of sections) {
    const change = await planSection(section, files)
    for (const path of change.to === undefined ? [change.path] : [change.path, change.to]) {
      const real = (await files.stat(path))?.path ?? path
      if (named.has(real)) throw twice(path)
      named.add(real)
    }
    changes.push(change)
  }
  return changes
}

function twice(path: string): Failure {
  return new Failure(
    'tool.bad_arguments',
    `The patch names ${shownPath(path)} twice; nothing was changed. Put all that changes in a file into one section.`,
  )
}

function planSection(section: PatchSection, files: Files): Promise<FileChange> {
  switch (section.kind) {
    case 'add':
      return planAdd(section, files)
    case 'delete':
      return planDelete(section, files)
    case 'update':
      return planUpdate(section, files)
  }
}

async function planAdd({ path, lines }: PatchSection & { kind: 'add' }, files: Files): Promise<FileChange> {
  await refuseThere(path, files, 'Use *** Update File for it')
  const after = lines.map((line) => `${line}\n`).join('')
  return { kind: 'add', path, before: '', after, bytes: Buffer.from(after), old: undefined }
}

async function planDelete({ path }: PatchSection & { kind: 'delete' }, files: Files): Promise<FileChange> {
  const { mode } = await statOf(path, files)
  const { bytes, digest } = await files.read(path, { bytesMax: textLimits.textBytesMax, shown: false })
  await compareWithLastSeen(files, path, digest)
  const before = decodeText(bytes)?.text
  return { kind: 'delete', path, before, after: '', bytes: undefined, old: { bytes, digest, mode } }
}

async function planUpdate(section: PatchSection & { kind: 'update' }, files: Files): Promise<FileChange> {
  const { path, moveTo, hunks } = section
  const { mode } = await statOf(path, files)
  const file = await readTextFile(files, path, { shown: false })
  await compareWithLastSeen(files, path, file.digest)
  const after = applyHunks(path, file.text, hunks)
  if (after.length > textLimits.textBytesMax) throw tooBig(path)
  const bytes = encodeLike(file, after, path)
  const old = { bytes: file.bytes, digest: file.digest, mode }
  if (moveTo === undefined) return { kind: 'update', path, before: file.text, after, bytes, old }
  await refuseThere(moveTo, files, 'Move to another path')
  return { kind: 'move', path, to: moveTo, before: file.text, after, bytes, old }
}

async function statOf(path: string, files: Files): Promise<Pick<FileStat, 'mode'>> {
  // What is not there fails as it is read.
  return (await files.stat(path)) ?? { mode: 0o644 }
}

async function refuseThere(path: string, files: Files, instead: string): Promise<void> {
  if ((await files.stat(path)) === undefined) return
  throw new Failure('tool.bad_arguments', `${shownPath(path)} is there already; nothing was changed. ${instead}.`)
}

function tooBig(path: string): Failure {
  return new Failure(
    'file.too_big',
    `The patch would make ${shownPath(path)} larger than ${toBytes(textLimits.textBytesMax)}; nothing was changed.`,
  )
}
