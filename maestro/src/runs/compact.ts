import { limits } from '#limits'
import { askUninterrupted } from './ask-uninterrupted.ts'
import { planCompaction, tooLittle } from './compaction-plan.ts'
import type { CompactionPlan, CompactionReason } from './compaction-plan.ts'
import type { Drive } from './drive.ts'
import type { EntryInternal, LogEntry } from './log-entry.ts'
import type { ModelAnswer } from './ports.ts'
import { toRecapText } from './recap-text.ts'
import { toUsage } from './usage-entry.ts'

type MadePlan = Extract<CompactionPlan, { kind: 'compact' }>
/** What the model itself wrote of the part that goes, and what is kept of how it was asked. */
type Summary = { readonly text: string; readonly internal: EntryInternal; readonly answer: ModelAnswer }

/**
 * Sums up the older part of a run: kept facts from its log and, where it can be had, the model's own summary. Where that does not make room the run's next
 * step is to end as `limit`. False when the run is no longer this replica's.
 */
export async function compact(drive: Drive, reason: CompactionReason): Promise<boolean> {
  const { run, transcript } = drive
  const contextTokens = drive.contextTokens
  const plan = planCompaction({ run, transcript, contextTokens }, reason)
  if (plan.kind === 'refused') {
    drive.fail(plan.ending)
    return true
  }
  const committed = drive.commit()
  const summary = await askSummary(drive, plan)
  if (!(await committed)) return false
  if (summary === 'interrupted') return true
  const entry = toEntry(drive, plan, summary)
  if (!entry) {
    drive.fail(tooLittle(contextTokens))
    return true
  }
  drive.stage([...(summary ? [toUsage(drive, { turn: run.turns, usage: summary.answer.usage })] : []), entry])
  return drive.commit()
}

/** Asks with the bytes of an earlier request before the question, which its server has in its cache. Undefined when no summary came of it. */
async function askSummary(drive: Drive, plan: MadePlan): Promise<Summary | undefined | 'interrupted'> {
  if (plan.summaryBefore === undefined) return undefined
  const charactersMax = Math.floor(plan.charactersMax * limits.compaction.summaryShare)
  const asked = drive.dialect.user(toQuestion(Math.floor(charactersMax / limits.compaction.charactersPerWord)))
  const { body, digest } = drive.transcript.toRequestBefore(plan.summaryBefore, asked)
  const enough = new AbortController()
  let characters = 0
  const answer = await askUninterrupted(
    drive,
    {
      dialect: drive.dialect.name,
      body,
      onText(delta) {
        characters += delta.length
        if (characters > charactersMax * limits.compaction.summaryExcessMax) enough.abort()
      },
      onReasoning: () => undefined,
      onRestart: () => {
        characters = 0
      },
    },
    enough.signal,
  )
  if (answer === 'interrupted') return answer
  if (answer.kind === 'fault' || answer.content.trim() === '') return undefined
  const text = answer.content.trim()
  const internal = { request_digest: digest, asked, asked_before: plan.summaryBefore, summary: text }
  return { text, answer, internal }
}

function toQuestion(wordsMax: number): string {
  return `Your context is nearly full, so what is above will be taken out. What you write now is kept in its place, beside the task, the plan, the files changed and the commands run. Note for yourself, in at most ${wordsMax} words: what you found out and decided and why, what is done, what failed and need not be tried again, what is left and the next step, with the names, paths and figures that matter. Write text only and call no tool.`
}

/** The entry that begins the transcript anew; undefined when it would not make it half as long. */
function toEntry(drive: Drive, plan: MadePlan, summary: Summary | undefined): LogEntry | undefined {
  const { transcript, run } = drive
  const rendered = render(drive, plan, summary)
  if (!rendered) return undefined
  const { headTokens, tokens } = transcript
  const tailTokens = plan.hasTail ? transcript.tokensFrom(plan.keptFrom) : 0
  const after = headTokens + transcript.tokensOf(rendered.shown.length) + tailTokens
  if ((after - headTokens) * 2 > tokens - headTokens) return undefined
  return {
    fact: {
      type: 'compacted',
      payload: {
        generation_id: run.generationId,
        turn: run.turns,
        reason: plan.reason,
        summary: summary ? 'model' : 'facts',
        tokens_before: tokens,
        tokens_after: after,
        kept_from: plan.keptFrom,
        content: rendered.content,
      },
    },
    shown: rendered.shown,
    internal: summary?.internal ?? null,
  }
}

/** As JSON a text may be several times as long: then less of it is kept. */
function render(
  drive: Drive,
  plan: MadePlan,
  summary: Summary | undefined,
): { content: string; shown: string } | undefined {
  const recap = { ...drive.transcript.recap(), ...(summary ? { summary: summary.text } : {}) }
  for (
    let charactersMax = plan.charactersMax;
    charactersMax > limits.compaction.textCharactersMin;
    charactersMax /= 2
  ) {
    const content = toRecapText(recap, { charactersMax: Math.floor(charactersMax), hasTail: plan.hasTail })
    const shown = drive.dialect.user(content)
    if (shown.length <= plan.charactersMax) return { content, shown }
  }
  return undefined
}
