import { setTimeout as delay } from 'node:timers/promises'
import type { Holder, Journal, JournaledCall } from '#journal/journal'
import { limits } from '#limits'
import type { Log } from '#log'
import type { Calls } from './calls.ts'
import { recordInterrupted, toOrphans } from './interrupted-calls.ts'
import type { LeftBehind } from './interrupted-calls.ts'
import type { CallReports } from './ports.ts'

/** The calls that earlier codegends still run. */
export type HeldCalls = {
  /** Has their holders end them and waits for that, but not for ever. */
  end(): Promise<void>
  /** Looks after them no more; they go on. */
  letGo(): void
}

type HeldCallsParts = LeftBehind & {
  readonly journal: Journal
  readonly calls: Calls
  readonly log: Log
  report: CallReports['result']
  isAlive(holder: Holder): boolean
}

/**
 * Waits for the calls that earlier codegends hold: each is reported when its holder has written its result, or as interrupted, its commands ended, when the
 * holder is gone or takes longer than any call may.
 */
export function watchHeldCalls({ journal, calls, log, report, isAlive, ...left }: HeldCallsParts): HeldCalls {
  if (journal.held.size === 0) return none
  const waiting = new Map<string, PromiseWithResolvers<void>>()
  const lost = new Set<string>()
  const tail = journal.followHolders(settle)
  const deadline = performance.now() + limits.heldCallMsMax
  const timer = setInterval(lookAfter, limits.holderCheckMs)
  for (const toolId of journal.held.keys()) {
    const ended = Promise.withResolvers<void>()
    waiting.set(toolId, ended)
    const call = journal.calls.get(toolId)
    if (call) calls.hold(call, ended.promise)
  }
  lookAfter()

  function settle(toolId: string): void {
    const call = journal.calls.get(toolId)
    if (call?.state.kind !== 'finished' || !waiting.has(toolId)) return
    report(call.state.result)
    waiting.get(toolId)?.resolve()
    waiting.delete(toolId)
    if (waiting.size === 0) letGo()
  }

  function letGo(): void {
    clearInterval(timer)
    tail.stop()
  }

  function lookAfter(): void {
    const gone = [...journal.held].filter(([, holder]) => !isAlive(holder) || performance.now() > deadline)
    // Whatever it wrote before it left is there by now.
    tail.read()
    for (const [toolId] of gone) {
      const call = journal.calls.get(toolId)
      if (!call || !journal.held.has(toolId) || lost.has(toolId)) continue
      lost.add(toolId)
      interrupt(call, { journal, log, ...left })
        .then(() => settle(toolId))
        .catch((error: unknown) => log.error('a lost call could not be recorded', error, { toolId }))
    }
  }

  return {
    async end() {
      for (const toolId of journal.held.keys()) journal.append({ kind: 'end-held', toolId, why: 'leaving' })
      const ended = [...waiting.values()].map(({ promise }) => promise)
      await Promise.race([Promise.all(ended), delay(limits.heldEndMsMax, undefined, { ref: false })])
      letGo()
    },
    letGo,
  }
}

async function interrupt(
  call: JournaledCall,
  { journal, log, endOrphan, takeOutput }: LeftBehind & Pick<HeldCallsParts, 'journal' | 'log'>,
): Promise<void> {
  log.warn('a call was interrupted: the codegend that ran it is gone', { toolId: call.toolId })
  await Promise.all(toOrphans(call).map(endOrphan))
  recordInterrupted(journal, call, await takeOutput(call))
}

const none: HeldCalls = { end: () => Promise.resolve(), letGo: () => undefined }
