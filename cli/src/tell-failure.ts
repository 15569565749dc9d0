import { toFailure } from '@codegen/protocol/failure'
import { toExitCode } from '#exit-code'
import type { ExitCode } from '#exit-code'
import type { Terminal } from '#render/terminal'
import { withSettingsHint } from '#settings-hint'

/** Says in one sentence why a command could not be done, and with which code codegen leaves. */
export function tellFailure(thrown: unknown, terminal: Terminal): ExitCode {
  const failure = toFailure(thrown)
  if (failure.code === 'internal' && process.env['CODEGEN_DEBUG']) console.error(thrown)
  terminal.note([withSettingsHint(failure.code, failure.message), failure.hint].filter(Boolean).join(' '))
  return toExitCode(failure)
}
