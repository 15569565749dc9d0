import { Failure, toFailure } from '@codegen/protocol/failure'
import { limits } from '@codegen/protocol/limits'
import type { Check } from '@codegen/protocol/wire'

/** One thing to look at. Resolves with what is there, in a few words; fails with what is wrong and what to do. */
export type Look = { readonly name: string; look(signal: AbortSignal): string | Promise<string> }

/** Looks at everything side by side, none for longer than limits.checkMsMax; in the order given. Never fails. */
export function lookAtAll(looks: readonly Look[], signal: AbortSignal): Promise<Check[]> {
  return Promise.all(looks.map((look) => lookAt(look, signal)))
}

async function lookAt({ name, look }: Look, signal: AbortSignal): Promise<Check> {
  const ended = AbortSignal.any([signal, AbortSignal.timeout(limits.checkMsMax)])
  const { promise: tooLate, reject } = Promise.withResolvers<never>()
  const giveUp = (): void =>
    reject(new Failure('client.timeout', `It did not answer within ${limits.checkMsMax / 1_000} s.`))
  ended.addEventListener('abort', giveUp, { once: true })
  try {
    return { name, ok: true, says: await Promise.race([look(ended), tooLate]) }
  } catch (thrown) {
    const { message, hint } = toFailure(thrown)
    return { name, ok: false, says: message, ...(hint ? { todo: hint } : {}) }
  } finally {
    ended.removeEventListener('abort', giveUp)
  }
}
