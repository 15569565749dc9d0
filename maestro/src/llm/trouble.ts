import { Failure, toFailure } from '@codegen/protocol/failure'
import type { FailureCode } from '@codegen/protocol/failure'
import type { ModelBounds } from './answer.ts'
import { breakdownIn } from './breakdown.ts'
import type { BreakdownCause } from './breakdown.ts'
import { clean } from './clean.ts'
import { isTlsCode } from './watch.ts'
import { toRecord } from './delta.ts'
import { retryAfterMs } from './retry.ts'
import type { Transient } from './retry.ts'

/** What a failed exchange means for its request. */
export type Trouble =
  | Transient
  | { readonly kind: 'final'; readonly failure: Failure }
  /** The server does not know the address or the model; asking it which models it has tells which. */
  | { readonly kind: 'not-found'; readonly said: string }

/** Whose words a sentence is about. */
export type ServerName = { readonly address: string; readonly key: string | undefined; readonly bounds: ModelBounds }

/** Says what a failed exchange means. Sentences name the server, never the key. */
export function toTrouble(thrown: unknown, server: ServerName): Trouble {
  const breakdown = breakdownIn(thrown)
  if (breakdown) return ofBreakdown(breakdown.detail, server)
  if (thrown instanceof SyntaxError) return ofBreakdown({ kind: 'garbled', what: 'broken JSON' }, server)
  return final(toFailure(thrown))
}

function ofBreakdown(detail: BreakdownCause, server: ServerName): Trouble {
  const { address, bounds } = server
  const name = `The model server at ${address}`
  switch (detail.kind) {
    case 'refused':
      return ofRefusal(parseRefusal(detail, server), server)
    case 'told':
      return ofRefusal(parseTold(detail.error, server), server)
    case 'unconnected':
      return ofUnconnected(detail.code, server)
    case 'cut':
      return transient(`${name} cut its answer off`, 'try again later, or check OPENAI_BASE_URL', {
        attemptsMax: bounds.attemptsMax,
        isAddressInDoubt: true,
      })
    case 'silent': {
      const reason = `${name} sent nothing for ${Math.round(detail.ms / 1000)} s`
      return transient(reason, 'see whether it is overloaded', { attemptsMax: bounds.attemptsHopelessMax })
    }
    case 'garbled':
      return transient(`${name} answered with ${detail.what}`, 'check OPENAI_BASE_URL, which usually ends in /v1', {
        code: 'model.bad_answer',
        attemptsMax: bounds.attemptsHopelessMax,
      })
    case 'cancelled':
      return final(new Failure('client.cancelled', 'The request to the model was cancelled.'))
  }
}

function ofUnconnected(code: string, { address, bounds }: ServerName): Trouble {
  if (isTlsCode(code)) {
    const reason = `No trusted connection came about to the model server at ${address} (${code})`
    return final(
      new Failure(
        'model.unreachable',
        `${reason}: check OPENAI_BASE_URL, or name the certificate's authority in NODE_EXTRA_CA_CERTS.`,
      ),
    )
  }
  const what =
    code === 'ECONNREFUSED' ? 'No model server listens at' : 'No connection came about to the model server at'
  return transient(`${what} ${address} (${code})`, 'start it, or check OPENAI_BASE_URL and the network', {
    attemptsMax: bounds.attemptsMax,
    isAddressInDoubt: true,
  })
}

type Refusal = {
  readonly status: number
  readonly said: string
  readonly word: string
  readonly headers: Headers | undefined
}

function ofRefusal(refusal: Refusal, server: ServerName): Trouble {
  const { status, said, word, headers } = refusal
  const name = `The model server at ${server.address}`
  const words = said === '' ? '' : `: ${said}`
  if (status >= 300 && status < 400) return final(redirected(name, headers, server))
  if (status === 401) return final(unauthenticated(server))
  if (isTooLong(status, `${word} ${said}`)) return final(tooLong(words))
  if (status === 404 || isUnknownModel(`${word} ${said}`)) return { kind: 'not-found', said }
  if (status === 402 || word.includes('insufficient_quota')) {
    return final(
      new Failure('model.refused', `${name} says that the account has nothing left to spend (${status})${words}`),
    )
  }
  if (isTransient(status) && headers?.get('x-should-retry') !== 'false') {
    const what = status === 429 ? 'turned the request away' : 'failed'
    return transient(`${name} ${what} (${status}${words})`, 'try again later', {
      attemptsMax: server.bounds.attemptsMax,
      askedWaitMs: headers && retryAfterMs(headers),
    })
  }
  return final(new Failure('model.refused', `${name} refused the request (${status})${words}`))
}

function isTransient(status: number): boolean {
  return [408, 409, 425, 429].includes(status) || (status >= 500 && status !== 501 && status !== 505)
}

function redirected(name: string, headers: Headers | undefined, { key, bounds }: ServerName): Failure {
  const target = clean(headers?.get('location') ?? '', { key, charactersMax: bounds.refusalCharactersMax })
  return new Failure(
    'model.refused',
    `${name} points elsewhere${target && ` (${target})`}: set OPENAI_BASE_URL to where it is now.`,
  )
}

function unauthenticated({ address, key }: ServerName): Failure {
  const next = key
    ? 'it does not accept the key in OPENAI_API_KEY: set another one'
    : 'it wants a key: set OPENAI_API_KEY'
  return new Failure('model.unauthenticated', `The model server at ${address} refused us (401); ${next}.`)
}

function tooLong(words: string): Failure {
  const next = 'give the run a smaller task, or set CODEGEN_MODEL to a model with a larger context'
  return new Failure(
    'model.context_full',
    `The conversation no longer fits into the model's context: ${next}${words && ` (it said${words})`}.`,
  )
}

function isTooLong(status: number, words: string): boolean {
  if (status === 413) return true
  if (status !== 400 && status !== 422) return false
  return /context[ _](length|window|size)|maximum context|too many (input )?tokens|(prompt|input) is too long/i.test(
    words,
  )
}

function isUnknownModel(words: string): boolean {
  return /model_not_found|invalid_model|(unknown|invalid|no such) model|model\b.{0,80}\b(not found|does not exist|not a valid model)|not a valid model/i.test(
    words,
  )
}

function parseRefusal(detail: BreakdownCause & { kind: 'refused' }, server: ServerName): Refusal {
  let body: unknown = detail.body
  try {
    body = JSON.parse(detail.body)
  } catch {
    // Then the text itself is what was said.
  }
  return { ...parseWords(body, server), status: detail.status, headers: detail.headers }
}

/** Inside a stream the head has long said 200; the words must tell what it would have been. Without any it counts as the server's own fault. */
function parseTold(error: unknown, server: ServerName): Refusal {
  const words = parseWords({ error }, server)
  const number = Number(toRecord(error)['status'] ?? toRecord(error)['code'])
  const isStatus = Number.isInteger(number) && number >= 300 && number <= 599
  return { ...words, status: isStatus ? number : toStatus(`${words.word} ${words.said}`), headers: undefined }
}

function toStatus(words: string): number {
  if (/rate.?limit|insufficient_quota|too many requests/i.test(words)) return 429
  if (/context[ _](length|window|size)|invalid_request|invalid_prompt/i.test(words)) return 400
  if (/authentication|invalid_api_key/i.test(words)) return 401
  return 500
}

/** Servers put their words in many places. */
function parseWords(body: unknown, { key, bounds }: ServerName): { said: string; word: string } {
  const outer = toRecord(body)
  const inner = toRecord(outer['error'])
  const told = [inner['message'], outer['error'], outer['message'], outer['detail'], body].find(
    (words) => typeof words === 'string',
  )
  const word = [inner['code'], inner['type'], outer['code'], outer['type']]
    .filter((words) => typeof words === 'string')
    .join(' ')
  const said = typeof told === 'string' ? told : JSON.stringify(outer['error'] ?? outer['detail'] ?? '')
  return { said: clean(said === '""' ? '' : said, { key, charactersMax: bounds.refusalCharactersMax }), word }
}

function final(failure: Failure): Trouble {
  return { kind: 'final', failure }
}

function transient(
  reason: string,
  next: string,
  more: { code?: FailureCode } & Omit<Transient, 'kind' | 'reason' | 'next' | 'code'>,
): Trouble {
  return { kind: 'transient', reason, next, code: 'model.unreachable', ...more }
}
