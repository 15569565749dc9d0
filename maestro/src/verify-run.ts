import { loadReadable } from '#postgres/load-run'
import type { ReadableRun } from '#postgres/load-run'
import type { Database } from '#postgres/database'
import type { RunKey } from '#runs/ports'
import { verifyRequests } from '#runs/verify-requests'
import type { VerifiedRequest } from '#runs/verify-requests'

type Verification = {
  readonly database: Database
  readonly key: RunKey
  readonly isJson: boolean
  print(text: string): void
}

/**
 * Verifies a run and prints a line for each request, as it is made, and then a sum. Answers with the exit code: 0 when all of them are the same and every
 * entry could be read, else 1.
 */
export async function verifyRun({ database, key, isJson, print }: Verification): Promise<number> {
  const { loaded, unreadable } = await loadReadable(database, key)
  const view = isJson ? jsonView : textView
  const sum = { requests: 0, differ: 0, entries: loaded.entries.length, unreadable }
  for (const request of verifyRequests(loaded)) {
    if (sum.requests === 0) print(view.head)
    sum.requests += 1
    if (request.outcome !== 'same') sum.differ += 1
    print(view.request(request))
  }
  print(view.sum(key, sum))
  return sum.differ > 0 || unreadable ? 1 : 0
}

type Sum = {
  readonly requests: number
  readonly differ: number
  /** Those that could be read. */
  readonly entries: number
  readonly unreadable: ReadableRun['unreadable']
}

type View = {
  readonly head: string
  request(request: VerifiedRequest): string
  sum(key: RunKey, sum: Sum): string
}

const words = { same: 'ok', differs: 'differs', 'no-digest': 'differs: no digest was saved' } as const

const textView: View = {
  head: 'turn  entry  digest             bytes\n',
  request({ turn, position, digest, bytes, outcome, kind }) {
    const cells = [String(turn).padStart(4), String(position).padStart(5), digest.slice(0, 12), toWidth(bytes, 10)]
    return `${cells.join('  ')}  ${words[outcome]}${kind === 'summary' ? ' (summary)' : ''}\n`
  },
  sum({ generationId }, { requests, differ, entries, unreadable }) {
    const read = `${count(entries, 'entry', 'entries')}, ${count(requests, 'request', 'requests')}`
    const verdict = differ === 0 ? 'each the same to the byte' : `${differ} not as they were sent`
    const line = `run ${generationId}: ${read}, ${requests === 0 ? 'nothing to compare' : verdict}\n`
    if (!unreadable) return line
    return `${line}entry ${unreadable.position} cannot be read, what follows it was not looked at: ${unreadable.reason}\n`
  },
}

const jsonView: View = {
  head: '',
  request: (request) => toLine({ type: 'request', ...request }),
  sum: ({ teamId, generationId }, sum) => toLine({ type: 'sum', team_id: teamId, generation_id: generationId, ...sum }),
}

function toLine(object: object): string {
  return `${JSON.stringify(object)}\n`
}

function toWidth(bytes: number, width: number): string {
  return bytes.toLocaleString('en-US').padStart(width)
}

function count(amount: number, one: string, many: string): string {
  return `${amount} ${amount === 1 ? one : many}`
}
