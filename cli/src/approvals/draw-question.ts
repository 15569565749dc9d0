import type { ApprovalQuestion } from '@codegen/protocol/local'
import { limits } from '#limits'
import { toAttachCommand } from '#render/attach-command'
import { plain } from '#render/colours'
import type { Colours, Paint } from '#render/colours'
import { countOf } from '#render/numbers'
import type { Screen } from '#render/screen'
import { makeVisible, makeVisibleWithoutPadding, toOneLine } from '#render/visible'
import { toMarginRows } from './margin-rows.ts'

/** The margin, and one column that stays empty. */
const marginColumns = 3

/**
 * The question as codegen itself words it, from the fields of the call: the tool, the whole of what it would do behind a margin no content can
 * leave, with everything invisible written out, where else it can be answered, and the keys that answer it.
 */
export function drawQuestion(question: ApprovalQuestion, { colours, columns }: Screen): string {
  const { command, diff, url } = question.preview
  const toolName = toOneLine(question.tool_name, limits.toolLabelCharactersMax)
  const body = [
    ...(command === undefined ? [] : toMargin(makeVisibleWithoutPadding(command))),
    ...(url === undefined ? [] : toMargin(makeVisible(url))),
    ...(diff === undefined ? [] : toMargin(makeVisible(diff))),
  ]
  if (body.length === 0) body.push(...toMargin(makeVisibleWithoutPadding(question.title)))
  const size = body.length > 1 ? ` (${countOf(body.length, 'line')})` : ''
  const margin = colours.yellow('│')
  const room = columns === 0 ? 0 : columns - marginColumns
  const lines = body.flatMap((line) => {
    const paint = paintOf(line, diff !== undefined, colours)
    return toMarginRows(line, room).map((row) => `${margin} ${paint(row)}\n`)
  })
  const elsewhere = colours.dim(`  or in another terminal: ${toAttachCommand(question.generation_id)}`)
  return `${colours.yellow('?')} May ${colours.bold(toolName)} do this${size}?\n${lines.join('')}${elsewhere}\n${drawKeys(question, colours)}`
}

function drawKeys({ options, tool_name }: ApprovalQuestion, colours: Colours): string {
  const kinds = new Set(options.map(({ kind }) => kind))
  const always = `always for ${toOneLine(tool_name, limits.toolLabelCharactersMax)} in this run`
  const keys = [
    ...(kinds.has('allow') ? [`${colours.bold('y')} yes`] : []),
    ...(kinds.has('deny') ? [`${colours.bold('n')} no`] : []),
    ...(kinds.has('always') ? [`${colours.bold('a')} ${always}`] : []),
  ]
  return `  ${keys.join('   ')}  `
}

function toMargin(text: string): string[] {
  return text.replace(/\n$/, '').split('\n')
}

function paintOf(line: string, isDiff: boolean, colours: Colours): Paint {
  if (isDiff && line.startsWith('+')) return colours.green
  return isDiff && line.startsWith('-') ? colours.red : plain
}
