import type { Failure, FailureCode } from '@codegen/protocol/failure'
import type { RunFinished } from '@codegen/protocol/wire'

/** What codegen tells the shell. Part of its interface: never changed. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  limit: 3,
  unreachable: 4,
  deniedWithoutTerminal: 5,
  interrupted: 130,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** The exit code for a command that could not be done. */
export function toExitCode(failure: Failure): ExitCode {
  return byFailure[failure.code] ?? exitCodes.failed
}

/** The exit code for a run that has ended. A denial nobody could answer is told above all but the end that was asked for. */
export function exitCodeOf(
  outcome: RunFinished,
  how: { interrupted: boolean; deniedWithoutTerminal: boolean },
): ExitCode {
  if (how.interrupted || outcome.status === 'cancelled') return exitCodes.interrupted
  if (how.deniedWithoutTerminal) return exitCodes.deniedWithoutTerminal
  if (outcome.status === 'completed') return exitCodes.done
  if (outcome.status === 'limit') return exitCodes.limit
  return unreachable.has(outcome.error?.code ?? '') ? exitCodes.unreachable : exitCodes.failed
}

const byFailure: { readonly [Code in FailureCode]?: ExitCode } = {
  'request.invalid': exitCodes.usage,
  'config.invalid': exitCodes.usage,
  'tool.unknown': exitCodes.usage,
  'tool.bad_arguments': exitCodes.usage,
  'run.limit': exitCodes.limit,
  'client.version': exitCodes.unreachable,
  'client.closed': exitCodes.unreachable,
  'client.timeout': exitCodes.unreachable,
  'client.busy': exitCodes.unreachable,
  'client.cancelled': exitCodes.interrupted,
  'server.unreachable': exitCodes.unreachable,
  'server.unauthenticated': exitCodes.unreachable,
  'server.forbidden': exitCodes.unreachable,
  'executor.offline': exitCodes.unreachable,
  'executor.superseded': exitCodes.unreachable,
  'postgres.unreachable': exitCodes.unreachable,
  'redis.unreachable': exitCodes.unreachable,
}

const unreachable = new Set<string>([
  'server.unreachable',
  'server.unauthenticated',
  'server.forbidden',
  'executor.offline',
  'postgres.unreachable',
  'redis.unreachable',
] satisfies FailureCode[])
