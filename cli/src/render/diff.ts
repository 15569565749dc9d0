import { limits } from '#limits'
import type { Colours, Paint } from './colours.ts'
import { makeVisible } from './visible.ts'

/** A unified diff as lines for the terminal, indented; its file headers are left out, the tool's line names the file. */
export function renderDiff(diff: string, colours: Colours): string {
  const lines = diff.split('\n')
  if (lines.at(-1) === '') lines.pop()
  const body = lines.filter((line, index) => !isHeader(line, index))
  const shown = body.slice(0, limits.diffLinesMax).map((line) => `  ${paintOf(line, colours)(makeVisible(line))}\n`)
  const left = body.length - shown.length
  return shown.join('') + (left > 0 ? `  ${colours.dim(`[${left} more lines]`)}\n` : '')
}

/** The diff a finished call carries: a tool that changed a file says so and shows it below its first line; others may carry or fence one. */
export function findDiff(structured: unknown, text: string): string | undefined {
  if (
    typeof structured === 'object' &&
    structured !== null &&
    'kind' in structured &&
    structured.kind === 'file_change'
  ) {
    return text.includes('\n') ? text.slice(text.indexOf('\n') + 1) : undefined
  }
  if (typeof structured === 'object' && structured !== null && 'diff' in structured) {
    return typeof structured.diff === 'string' && structured.diff !== '' ? structured.diff : undefined
  }
  return /^```diff\n([\s\S]*?)^```/m.exec(text)?.[1]
}

function isHeader(line: string, index: number): boolean {
  return index < 4 && (/^(---|\+\+\+) /.test(line) || /^(diff|index|Index:|===)/.test(line))
}

function paintOf(line: string, colours: Colours): Paint {
  if (line.startsWith('+')) return colours.green
  if (line.startsWith('-')) return colours.red
  return line.startsWith('@@') ? colours.cyan : colours.dim
}
