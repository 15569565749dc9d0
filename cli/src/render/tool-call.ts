import { limits } from '#limits'
import { columnsOf, cutToColumns } from './columns.ts'
import { findDiff, renderDiff } from './diff.ts'
import { toDuration } from './numbers.ts'
import { isPayload, numberAt, objectAt, textAt } from './payload.ts'
import type { Payload } from './payload.ts'
import { plain } from './colours.ts'
import type { Screen } from './screen.ts'
import { createWordWrap } from './word-wrap.ts'
import { toOneLine } from './visible.ts'

/** What a call is about, in a few words: the tool and its one telling parameter. */
export function toToolLabel(toolName: string, parameters: Payload): string {
  const telling =
    tellingParameters.map((key) => textAt(parameters, key)).find(Boolean) ??
    (filesOfPatch(textAt(parameters, 'patch')) || firstText(parameters))
  return `${toOneLine(toolName, limits.toolLabelCharactersMax)} ${toOneLine(telling, limits.toolLabelCharactersMax)}`.trim()
}

/** A finished call: one line with its outcome and time, and below it the diff of an edit, or why it failed where the line has no room for that. */
export function renderFinishedCall(label: string, finished: Payload, screen: Screen): string {
  const { colours } = screen
  const duration = numberAt(finished, 'duration_ms')
  const time = duration === undefined ? '' : ` ${toDuration(duration)}`
  if (textAt(finished, 'status') === 'success') {
    const diff = findDiff(finished['structured'], toResultText(finished['result']))
    const line = `${colours.green('●')} ${fitLabel(label, `ok${time}`, screen)}  ${colours.dim(`ok${time}`)}\n`
    return diff === undefined ? line : line + renderDiff(diff, screen)
  }
  const { outcome, reason } = toOutcomeWords(finished)
  const fitted = fitLabel(label, outcome + time, screen)
  const line = `${colours.red('●')} ${fitted}  ${colours.red(outcome + time)}`
  if (!reason) return `${line}\n`
  const columns = columnsOf(`● ${fitted}  ${outcome}${time}: ${reason}`)
  const isFit = screen.columns === 0 || columns < screen.columns
  return isFit ? `${line}: ${reason}\n` : `${line}\n${toParagraph(reason, screen)}`
}

/** How a call ended that did not go well, as the end of a sentence. */
export function renderOutcome(finished: Payload): string {
  const { outcome, reason } = toOutcomeWords(finished)
  return reason ? `${outcome}: ${reason}` : outcome
}

function toOutcomeWords(finished: Payload): { outcome: string; reason: string } {
  const text = toResultText(finished['result'])
  const reason = toOneLine(textAt(objectAt(finished, 'error'), 'message') || text, limits.reasonCharactersMax)
  return { outcome: outcomeWords[textAt(finished, 'status')] ?? 'error', reason }
}

/** As much of the label as leaves the outcome on its line. */
function fitLabel(label: string, outcome: string, { columns }: Screen): string {
  const room = columns - columnsOf(`●   ${outcome}`) - 1
  return columns === 0 ? label : cutToColumns(label, Math.max(labelColumnsMin, room))
}

const labelColumnsMin = 12

function toParagraph(text: string, { columns }: Screen): string {
  const wrap = createWordWrap(() => (columns < limits.proseColumnsMin ? Infinity : columns - 1))
  return `${wrap.startLine({ first: '  ', rest: '  ', columns: 2 })}${wrap.add(text, plain)}${wrap.flush()}\n`
}

const tellingParameters = ['command', 'file_path', 'url', 'pattern', 'dir_path', 'path']

const outcomeWords: Readonly<Record<string, string>> = {
  error: 'error',
  denied: 'denied',
  cancelled: 'cancelled',
  timeout: 'timed out',
  interrupted: 'interrupted',
}

/** The files a patch names are more telling than its first line, which is always the same. */
function filesOfPatch(patch: string): string {
  const headers = patch.matchAll(/^\*\*\* (?:Add|Update|Delete) File: *(.+)$/gm)
  return [...headers].map(([, path]) => path).join(', ')
}

function firstText(parameters: Payload): string {
  const found = Object.values(parameters).find((value) => typeof value === 'string')
  return typeof found === 'string' ? found : ''
}

/** A tool's result as text. */
export function toResultText(result: unknown): string {
  if (typeof result === 'string') return result
  if (isPayload(result)) return textAt(result, 'text') || textAt(result, 'message') || JSON.stringify(result)
  return result === undefined || result === null ? '' : JSON.stringify(result)
}
