import type { PluginDevNews, PluginLogLine } from '@codegen/protocol/local'
import { limits } from '#limits'
import { toDuration } from '#render/numbers'
import { stripControls } from '#render/strip-controls'
import type { Screen } from '#render/screen'
import { cutToColumns } from '#render/columns'
import { makeVisible, toOneLine } from '#render/visible'

type News<Kind extends PluginDevNews['kind']> = Extract<PluginDevNews, { kind: Kind }>

/** One line of what a plugin said. */
export function renderLogLine({ time, source, text }: PluginLogLine, { colours }: Screen): string {
  const paint = source === 'info' ? colours.dim : source === 'warn' ? colours.yellow : colours.red
  const line = makeVisible(text.slice(0, limits.logLineCharactersMax))
  return `${colours.dim(toTime(time))} ${paint(source.padEnd(6))} ${line}\n`
}

/** What Node says of itself when a plugin breaks: for an author, who is told where it broke, it is noise. */
export function isNoise({ source, text }: PluginLogLine): boolean {
  return (
    source === 'stderr' &&
    /^(\s+at .*\bnode:|node:internal\/|\s*triggerUncaughtException\(|Node\.js v\d|\s*\^$|})/.test(text)
  )
}

/** Which version serves, or why the newest one does not. */
export function renderVersion({ plugin, digest }: News<'version'>, screen: Screen): string {
  const { colours } = screen
  const { state, tools, problem } = plugin
  const which = digest === undefined ? '' : ` ${digest.slice(0, 8)}`
  const offered = tools.map((tool) => toOneLine(tool, limits.toolLabelCharactersMax)).join(', ')
  if (state === 'serves') return toEvent(colours.green('●'), `version${which} serves: ${offered || 'no tools'}`, screen)
  const still = tools.length > 0 ? `; version${which} still serves` : ''
  const reason = toOneLine(problem ?? '', 600)
  if (state === 'asks') return toEvent(colours.yellow('●'), `it waits for your yes${still}`, screen)
  return toEvent(colours.red('✖'), `${colours.red(state)}: ${reason}${still}`, screen)
}

/** A call, its output, and how it ended. */
export function renderCallNews(news: News<'call' | 'output' | 'result'>, screen: Screen): string {
  const { colours, columns } = screen
  if (news.kind === 'call') {
    const line = `${toOneLine(news.tool, limits.toolLabelCharactersMax)} ${toOneLine(news.parameters, limits.devTextCharactersMax)}`
    return toEvent(colours.cyan('▶'), line, screen)
  }
  if (news.kind === 'output') return toBlock(news.chunk, screen, colours.dim('│'))
  const good = news.status === 'success'
  const { duration_ms, characters, text, tool } = news
  const how = `${toOneLine(tool, limits.toolLabelCharactersMax)} ${good ? 'returned' : 'failed'} after ${toDuration(duration_ms)}`
  const size = characters > text.length ? `, the beginning of ${characters} characters` : ''
  const head = toEvent(good ? colours.green('✔') : colours.red('✖'), `${how}${size}`, { colours, columns })
  return head + toBlock(text, screen, ' ')
}

function toEvent(mark: string, text: string, { colours }: Screen): string {
  return `${colours.dim(toTime(new Date().toISOString()))} ${mark} ${text}\n`
}

/** The first lines of a text, below what it belongs to. */
function toBlock(text: string, { colours, columns }: Screen, margin: string): string {
  const lines = stripControls(text).trimEnd().split('\n')
  const shown = lines.slice(0, limits.devLinesMax).map((line) => {
    const room = columns - blockColumns - 2
    return `${' '.repeat(blockColumns)}${margin} ${room < limits.proseColumnsMin ? line : cutToColumns(line, room)}\n`
  })
  const left = lines.length - shown.length
  if (left > 0) shown.push(`${' '.repeat(blockColumns)}${margin} ${colours.dim(`... and ${left} lines more`)}\n`)
  return lines.join('') === '' ? '' : shown.join('')
}

const blockColumns = 9

function toTime(time: string): string {
  const date = new Date(time)
  const two = (count: number): string => String(count).padStart(2, '0')
  return Number.isNaN(date.getTime())
    ? time
    : `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}
