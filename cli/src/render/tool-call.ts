import { limits } from '#limits'
import type { Colours } from './colours.ts'
import { findDiff, renderDiff } from './diff.ts'
import { toDuration } from './numbers.ts'
import { isPayload, numberAt, objectAt, textAt } from './payload.ts'
import type { Payload } from './payload.ts'
import { toOneLine } from './visible.ts'

/** What a call is about, in a few words: the tool and its one telling parameter. */
export function toToolLabel(toolName: string, parameters: Payload): string {
  const telling =
    tellingParameters.map((key) => textAt(parameters, key)).find(Boolean) ??
    (filesOfPatch(textAt(parameters, 'patch')) || firstText(parameters))
  return `${toOneLine(toolName, limits.toolLabelCharactersMax)} ${toOneLine(telling, limits.toolLabelCharactersMax)}`.trim()
}

/** A finished call: one line with its outcome and time, and the diff of an edit below it. */
export function renderFinishedCall(label: string, finished: Payload, colours: Colours): string {
  const status = textAt(finished, 'status')
  const text = toResultText(finished['result'])
  const duration = numberAt(finished, 'duration_ms')
  const time = duration === undefined ? '' : ` ${toDuration(duration)}`
  if (status === 'success') {
    const diff = findDiff(finished['structured'], text)
    const line = `${colours.green('●')} ${label}  ${colours.dim(`ok${time}`)}\n`
    return diff === undefined ? line : line + renderDiff(diff, colours)
  }
  const { outcome, reason } = toOutcomeWords(finished)
  return `${colours.red('●')} ${label}  ${colours.red(outcome + time)}${reason}\n`
}

/** How a call ended that did not go well, as the end of a sentence. */
export function renderOutcome(finished: Payload): string {
  const { outcome, reason } = toOutcomeWords(finished)
  return outcome + reason
}

function toOutcomeWords(finished: Payload): { outcome: string; reason: string } {
  const text = toResultText(finished['result'])
  const reason = toOneLine(textAt(objectAt(finished, 'error'), 'message') || text, limits.reasonCharactersMax)
  return { outcome: outcomeWords[textAt(finished, 'status')] ?? 'error', reason: reason ? `: ${reason}` : '' }
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
