import { stat } from 'node:fs/promises'
import { shownPath } from '@codegen/kit'
import type { Spawn, SpawnResult } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'
import { readCommandOutput } from './command-output.ts'
import type { ProcessGroups } from './process-group.ts'
import { findPlace } from './rooted-path.ts'
import { startCommand, stoppedBy, untilEnded } from './running-command.ts'

/** Where, as what and how long the commands of one call run. */
export type SpawnPlace = {
  /** Real path of the run's root. */
  root: string
  /** Real path the call works in, inside the root. */
  cwd: string
  /** From `toCommandEnvironment`. */
  environment: Readonly<Record<string, string>>
  /** Folder for output that is too long to keep; made when needed. */
  outputDir: string
  toolId: string
  /** Ends the command: as timed out when its reason is the failure `tool.timeout`, else as cancelled. */
  signal: AbortSignal
  groups: ProcessGroups
}

/**
 * The only way to start a process: `sh -c` in a process group of its own, without terminal and standard input. When the promise resolves the group is
 * gone; it resolves within the limit + 3 s whatever the command does. Fails with tool.bad_arguments, file.not_found, file.bad_path,
 * file.outside_workspace or tool.failed, and then nothing was started; how a command ended is never a failure.
 */
export function createSpawn(place: SpawnPlace): Spawn {
  return async (command, options) => {
    refuseUnpassable(command)
    const cwd = options.cwd === undefined ? place.cwd : await toFolder(place, options.cwd)
    const stopped = stoppedBy(place.signal)
    if (stopped) return { ...nothingPrinted, end: stopped }

    const startedAt = performance.now()
    const running = await startCommand({ command, cwd, environment: place.environment })
    const output = readCommandOutput(running, { outputDir: place.outputDir, toolId: place.toolId, options })
    const group = place.groups.add(running.pid, place.toolId)
    try {
      const end = await untilEnded(running, group, { timeoutMs: options.timeoutMs, signal: place.signal })
      const durationMs = performance.now() - startedAt
      return { end, durationMs, ...(await output.finish()) }
    } finally {
      place.groups.remove(group)
    }
  }
}

const nothingPrinted: Omit<SpawnResult, 'end'> = {
  durationMs: 0,
  head: '',
  tail: '',
  bytesTotal: 0,
  bytesCut: 0,
  outputPath: undefined,
  outputPathBytes: 0,
}

function refuseUnpassable(command: string): void {
  if (command.includes('\0')) {
    throw new Failure(
      'tool.bad_arguments',
      'The command holds a NUL character, which no command line can carry. Remove it.',
    )
  }
  if (Buffer.byteLength(command) > limits.commandBytesMax) {
    throw new Failure(
      'tool.bad_arguments',
      `The command is longer than ${limits.commandBytesMax} bytes. Write it to a file and run that with sh.`,
    )
  }
}

async function toFolder({ root, cwd }: SpawnPlace, path: string): Promise<string> {
  const place = await findPlace(path, { cwd, roots: [root] })
  if (place.kind !== 'there') throw new Failure('file.not_found', `There is no folder ${shownPath(path)} to run in.`)
  if ((await stat(place.path)).isDirectory()) return place.path
  throw new Failure('file.bad_path', `${shownPath(path)} is not a folder; a command runs in one.`)
}
