import { Failure, toFailure } from '@codegen/protocol/failure'
import { limits } from '@codegen/protocol/limits'
import { ChecksSchema } from '@codegen/protocol/wire'
import type { Check } from '@codegen/protocol/wire'
import { Compile } from 'typebox/compile'
import type { Link } from '#link/link'
import { getJson } from '#link/send'
import type { Access } from '#link/send'

export type ServerSide = {
  readonly link: Link
  /** As it may be shown. */
  readonly shown: string
  readonly isOwn: boolean
  access(signal: AbortSignal): Promise<Access>
}

/** Whether Maestro is there, and what it says of its model and stores. Bounded; never fails. */
export async function checkServer({ link, shown, isOwn, access }: ServerSide, given: AbortSignal): Promise<Check[]> {
  const place = isOwn ? 'its own' : shown
  // Longer than Maestro gives each of its own.
  const signal = AbortSignal.any([given, AbortSignal.timeout(limits.checkMsMax + 2_000)])
  try {
    const state = await link.ready(signal)
    if (state.level === 0)
      return [{ name: 'maestro', ok: true, says: `${place}, which speaks only the first protocol` }]
    const { version, checks } = await askServer(await access(signal), signal)
    return [{ name: 'maestro', ok: true, says: `${version}, ${place}` }, ...checks]
  } catch (thrown) {
    const { message, hint } = toFailure(thrown)
    const late = signal.aborted ? `Maestro (${place}) did not answer in time.` : message
    return [{ name: 'maestro', ok: false, says: late, todo: hint ?? 'codegen logs tells more.' }]
  }
}

async function askServer(access: Access, signal: AbortSignal): Promise<{ version: string; checks: Check[] }> {
  const answer = await getJson(access, '/v1/checks', signal).catch((thrown: unknown) => {
    if (thrown instanceof Failure && thrown.code === 'run.unknown') throw tooOld()
    throw thrown
  })
  if (isChecks(answer)) return answer
  throw tooOld()
}

function isChecks(answer: unknown): answer is { version: string; checks: Check[] } {
  return Compile(ChecksSchema).Check(answer)
}

function tooOld(): Failure {
  return new Failure(
    'message.invalid',
    'Maestro is connected, but cannot be asked how it is: it is older than this codegend.',
  )
}
