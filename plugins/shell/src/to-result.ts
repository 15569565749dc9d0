import { shownPath, toBytes } from '@codegen/kit'
import type { SpawnResult, ToolReturn } from '@codegen/kit'

/** First one line that says how the command ended, then what it printed, with a line in square brackets where something was cut. */
export function toResult(result: SpawnResult, timeoutMs: number): ToolReturn {
  const text = `${toEndLine(result, timeoutMs)}\n${toOutput(result)}`
  const { end, bytesCut, bytesTotal } = result
  const cut = bytesCut > 0 ? { truncated: true, bytesTotal } : {}
  switch (end.kind) {
    case 'exited':
      return { text, isError: end.code !== 0, structured: { exit_code: end.code }, ...cut }
    case 'signalled':
      return { text, isError: true, structured: { signal: end.signal }, ...cut }
    case 'timeout':
    case 'cancelled':
      return { text, status: end.kind, ...cut }
  }
}

function toEndLine({ end, durationMs, bytesTotal }: SpawnResult, timeoutMs: number): string {
  const printed = bytesTotal === 0 ? 'no output' : `${toBytes(bytesTotal)} of output`
  const after = `after ${toDuration(durationMs)}, ${printed}.`
  switch (end.kind) {
    case 'exited':
      return `Exit code ${end.code} ${after}`
    case 'signalled':
      return `Ended by signal ${end.signal} ${after}`
    case 'timeout':
      return `Timed out: not done within ${toDuration(timeoutMs)}, so it was killed ${after}`
    case 'cancelled':
      return `Cancelled: killed ${after}`
  }
}

function toOutput(result: SpawnResult): string {
  const { head, tail, bytesCut, bytesTotal } = result
  if (bytesCut > 0) return `${withLineEnd(head)}${toCutLine(result)}\n${tail}`
  return head === '' && bytesTotal > 0 ? '[nothing but control characters]' : head
}

function toCutLine({ bytesCut, bytesTotal, outputPath, outputPathBytes }: SpawnResult): string {
  const cut = `${toBytes(bytesCut)} cut here`
  if (outputPath === undefined) return `[${cut}; the whole output could not be kept on disk]`
  const kept = outputPathBytes < bytesTotal ? `the first ${toBytes(outputPathBytes)} are` : 'the whole output is'
  return `[${cut}; ${kept} in ${shownPath(outputPath)}]`
}

function withLineEnd(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`
}

function toDuration(milliseconds: number): string {
  return milliseconds < 1_000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1_000).toFixed(1)} s`
}
