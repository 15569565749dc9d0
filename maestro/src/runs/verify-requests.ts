import { dialectNamed } from './dialects.ts'
import type { SavedEntry } from './log-entry.ts'
import type { LoadedRun } from './ports.ts'
import { createTranscript } from './request-text.ts'
import type { RequestText, Transcript } from './request-text.ts'
import { foldRun } from './run.ts'

/** A request of a run as its log makes it again, beside what was saved when it was sent. */
export type VerifiedRequest = {
  /** Where its answer is. */
  readonly position: number
  readonly turn: number
  /** `summary`: the model was asked to sum up the older part. */
  readonly kind: 'answer' | 'summary'
  readonly digest: string
  readonly bytes: number
  readonly outcome: 'same' | 'differs' | 'no-digest'
}

/**
 * Makes every request of a run again from its log alone, oldest first, as any replica that goes on with it does, and compares it with the digest saved
 * with its answer. What a fork was given was asked by another run: of that only what still has a digest is compared.
 */
export function* verifyRequests(
  run: Pick<LoadedRun, 'entries' | 'toolsJson' | 'systemPrompt'>,
): Generator<VerifiedRequest, void, void> {
  const [first] = run.entries
  if (!first) return
  const { dialect, model, requestOptions } = foldRun([first])
  const { toolsJson, systemPrompt } = run
  const transcript = createTranscript(dialectNamed(dialect), {
    model,
    toolsJson,
    systemPrompt,
    options: requestOptions,
  })
  const copied = first.internal?.forked_from?.position ?? 0
  for (const entry of run.entries) {
    const saved = entry.internal?.request_digest
    const isAskedElsewhere = saved === undefined && entry.position <= copied
    const asked = isAskedElsewhere ? undefined : askedFor(transcript, entry)
    if (asked) yield { ...asked.of, ...compare(asked.request, saved) }
    transcript.add(entry)
  }
}

type Asked = {
  readonly of: Pick<VerifiedRequest, 'position' | 'turn' | 'kind'>
  readonly request: RequestText
}

/** The request that an entry is the answer to, if it is one. */
function askedFor(transcript: Transcript, { fact, internal, position }: SavedEntry): Asked | undefined {
  if (fact.type === 'agent_message')
    return { of: { position, turn: fact.payload.turn, kind: 'answer' }, request: transcript.toRequest() }
  if (fact.type !== 'compacted' || internal?.asked === undefined || internal.asked_before === undefined)
    return undefined
  const request = transcript.toRequestBefore(internal.asked_before, internal.asked)
  return { of: { position, turn: fact.payload.turn, kind: 'summary' }, request }
}

function compare(
  { body, digest }: RequestText,
  saved: string | undefined,
): Pick<VerifiedRequest, 'digest' | 'bytes' | 'outcome'> {
  const bytes = Buffer.byteLength(body)
  if (saved === undefined) return { digest, bytes, outcome: 'no-digest' }
  return { digest, bytes, outcome: saved === digest ? 'same' : 'differs' }
}
