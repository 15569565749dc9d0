import { Type } from 'typebox'
import type { Static } from 'typebox'
import { ClientRef, GenerationId } from '#ids'
import { limits } from '#limits'
import { message } from './message.ts'

/** When an input reaches the model: `steer` before its next request, `queue` when the run would otherwise end. */
export const InputMode = Type.Enum(['steer', 'queue'])
export type InputMode = Static<typeof InputMode>

export const InputContent = Type.String({ minLength: 1, maxLength: limits.inputCharactersMax })

/**
 * Executor -> Maestro, reliable by `client_ref`: say something to an open run. It is shown to the model once, after all results of the step it
 * came in; a run that would end goes on with it. Answered by `stored`, or by `error` with run.unknown or run.finished.
 */
export const RunInput = message('run_input', {
  generation_id: GenerationId,
  client_ref: ClientRef,
  content: InputContent,
  mode: InputMode,
})
export type RunInput = Static<typeof RunInput.payload>
