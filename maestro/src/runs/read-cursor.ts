import { Failure } from '@codegen/protocol/failure'
import { parseEventId } from '@codegen/protocol/ids'
import type { EventPosition } from '@codegen/protocol/ids'
import type { RunKey, RunLog } from './ports.ts'

/**
 * Where a viewer goes on: after the event it names, or at the beginning. Fails with request.invalid where the text is no event id, or that of an event the
 * run does not have: one of another run, most likely.
 */
export async function readCursor(log: RunLog, key: RunKey, text: string | undefined): Promise<EventPosition> {
  if (text === undefined || text === '') return { position: 0, k: 0 }
  const after = parseEventId(text)
  if (!after) throw new Failure('request.invalid', `"${text}" is no event id; give the id of the last event you saw.`)
  const [fact] = after.position === 0 ? [true] : await log.factsAfter(key, after.position - 1, 1)
  if (fact) return after
  throw new Failure('request.invalid', `The event ${text} is not one of the run ${key.generationId}.`)
}
