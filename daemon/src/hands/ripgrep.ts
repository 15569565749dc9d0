import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'
import { createCappedRecords } from './capped-records.ts'
import { endProcessGroup } from './process-group.ts'
import type { ProcessGroups } from './process-group.ts'

export type RipgrepPlace = {
  readonly toolId: string
  readonly signal: AbortSignal
  readonly groups: ProcessGroups
  /** Finds the program; fails where it is not installed. */
  readonly findProgram?: () => Promise<string>
  /** Default limits.searchMsMax. */
  readonly msMax?: number
}

export type RipgrepRun = {
  readonly arguments: readonly string[]
  readonly cwd: string
  /** The byte each record of its output ends with. */
  readonly recordEnd: number
  /** Undefined for a record that was too long to be kept. */
  onRecord(record: Buffer | undefined): 'more' | 'enough'
}

/** How it ended: by itself, or ended because there was enough, or because its time was up. `complaint` is what it said on stderr, the beginning of it. */
export type RipgrepEnd =
  | { readonly kind: 'done'; readonly code: number; readonly complaint: string }
  | { readonly kind: 'enough' | 'timeout' }

/**
 * Runs ripgrep, without a shell, without settings of the machine, in a process group of its own that is gone when the promise settles. Fails with
 * tool.unavailable where it cannot be started, tool.failed when it crashed, or the signal's Failure.
 */
export async function runRipgrep(run: RipgrepRun, place: RipgrepPlace): Promise<RipgrepEnd> {
  place.signal.throwIfAborted()
  const child = await start(run, await (place.findProgram ?? findRipgrep)().catch(refuseMissing))
  const group = place.groups.add(child.pid ?? 0, place.toolId)
  try {
    return await endOf(child, run, place)
  } finally {
    await endProcessGroup(group, 'SIGKILL')
    place.groups.remove(group)
    child.stdout.destroy()
    child.stderr.destroy()
  }
}

async function findRipgrep(): Promise<string> {
  const { rgPath } = await import('@vscode/ripgrep')
  return rgPath
}

function refuseMissing(cause: unknown): never {
  throw new Failure(
    'tool.unavailable',
    'ripgrep, which searches files here, is missing or cannot be run: install CodeGen anew with its optional packages. Until then use Shell with find and grep.',
    { cause },
  )
}

type Child = ChildProcessByStdio<null, Readable, Readable>

async function start({ arguments: own, cwd }: RipgrepRun, program: string): Promise<Child> {
  const child = spawn(program, ['--no-config', ...own], {
    cwd,
    env: {},
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  if (child.pid !== undefined) return child
  const [cause] = await once(child, 'error', { signal: AbortSignal.timeout(limits.commandRefusedMs) }).catch(
    (error: unknown) => [error],
  )
  return refuseMissing(cause)
}

function endOf(
  child: Child,
  { recordEnd, onRecord }: RipgrepRun,
  { signal, msMax = limits.searchMsMax }: RipgrepPlace,
): Promise<RipgrepEnd> {
  const { promise, resolve, reject } = Promise.withResolvers<RipgrepEnd>()
  const records = createCappedRecords({ end: recordEnd, bytesMax: limits.searchRecordBytesMax })
  let complaint = ''
  const timer = setTimeout(() => resolve({ kind: 'timeout' }), msMax)
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })

  child.stdout.on('data', (bytes: Buffer) => {
    try {
      if (takeUntilEnough(records.take(bytes), onRecord) === 'more') return
      resolve({ kind: 'enough' })
    } catch (error) {
      reject(error)
    }
    child.stdout.removeAllListeners('data').pause()
  })
  child.stderr.on('data', (bytes: Buffer) => {
    complaint = (complaint + bytes.toString()).slice(0, limits.searchComplaintCharactersMax)
  })
  child.once('close', (code, signalName) => {
    if (code !== null) resolve({ kind: 'done', code, complaint })
    else
      reject(new Failure('tool.failed', `ripgrep was ended by ${signalName ?? 'a signal'}. Search a smaller folder.`))
  })

  return promise.finally(() => {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  })
}

function takeUntilEnough(records: Iterable<Buffer | undefined>, onRecord: RipgrepRun['onRecord']): 'more' | 'enough' {
  for (const record of records) if (onRecord(record) === 'enough') return 'enough'
  return 'more'
}
