import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import type { SpawnResult } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'
import { endProcessGroup } from './process-group.ts'
import type { ProcessGroup } from './process-group.ts'
import { settlesWithin } from './settles-within.ts'

/** A shell that was started, and its pipes. */
export type RunningCommand = {
  readonly pid: number
  readonly stdout: Readable
  readonly stderr: Readable
  /** Resolves when the shell itself has ended. */
  readonly exited: Promise<{ kind: 'exited'; code: number } | { kind: 'signalled'; signal: string }>
  /** Resolves when, besides, nobody holds its pipes any more and all they held was read. */
  readonly closed: Promise<unknown>
}

export type CommandStart = { command: string; cwd: string; environment: Readonly<Record<string, string>> }

/** Starts `sh -c` as the leader of a new session and process group. Fails with tool.failed when the system refuses. */
export async function startCommand(start: CommandStart): Promise<RunningCommand> {
  const child = spawnShell(start)
  const { pid, stdout, stderr } = child
  if (pid === undefined) {
    const [cause] = await once(child, 'error', { signal: AbortSignal.timeout(limits.commandRefusedMs) }).catch(
      (error: unknown) => [error],
    )
    throw notStarted(start, cause)
  }
  const exited: RunningCommand['exited'] = new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      resolve(signal === null ? { kind: 'exited', code: code ?? 0 } : { kind: 'signalled', signal })
    })
  })
  const closed = new Promise((resolve) => child.once('close', resolve))
  return { pid, stdout, stderr, exited, closed }
}

type Shell = ChildProcess & { stdout: Readable; stderr: Readable }

function spawnShell(start: CommandStart): Shell {
  try {
    // After `--` a command that begins with a dash is still a command.
    return spawn('/bin/sh', ['-c', '--', start.command], {
      cwd: start.cwd,
      env: start.environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
  } catch (error) {
    throw notStarted(start, error)
  }
}

function notStarted(start: CommandStart, cause: unknown): Failure {
  const reason = cause instanceof Error ? cause.message : 'unknown reason'
  return new Failure('tool.failed', `The command could not be started in ${start.cwd}: ${reason}.`, { cause })
}

/** What ends a command from outside: the caller's limit, or the call's signal (as timed out when its reason is the failure `tool.timeout`). */
export type CommandLimit = { timeoutMs: number; signal: AbortSignal }

type Stopped = { kind: 'timeout' } | { kind: 'cancelled' }

/**
 * Waits for a command's end, or brings it about, and leaves neither the group nor an open pipe behind. What was printed before the end is read to
 * the last byte, unless a process that left the group still holds the pipe. Resolves within the limit + 2 s whatever the command does.
 */
export async function untilEnded(
  running: RunningCommand,
  group: ProcessGroup,
  limit: CommandLimit,
): Promise<SpawnResult['end']> {
  using stop = listenForStop(limit)
  const end = await Promise.race([running.exited, stop.stopped])
  if (end.kind === 'timeout' || end.kind === 'cancelled') await endProcessGroup(group)
  const isClosed = await settlesWithin(running.closed, limits.pipeDrainMs)
  await endProcessGroup(group)
  if (isClosed || (await settlesWithin(running.closed, limits.pipeCloseMs))) return end
  running.stdout.destroy()
  running.stderr.destroy()
  return end
}

/** How the command of a call that was stopped has ended; undefined when it was not stopped. */
export function stoppedBy(signal: AbortSignal): Stopped | undefined {
  if (!signal.aborted) return undefined
  const isTimeout = signal.reason instanceof Failure && signal.reason.code === 'tool.timeout'
  return { kind: isTimeout ? 'timeout' : 'cancelled' }
}

function listenForStop({ timeoutMs, signal }: CommandLimit): { stopped: Promise<Stopped> } & Disposable {
  const { promise, resolve } = Promise.withResolvers<Stopped>()
  const onAbort = () => resolve(stoppedBy(signal) ?? { kind: 'cancelled' })
  const timer = setTimeout(() => resolve({ kind: 'timeout' }), timeoutMs)
  signal.addEventListener('abort', onAbort, { once: true })
  return {
    stopped: promise,
    [Symbol.dispose]() {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    },
  }
}
