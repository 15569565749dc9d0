import { Failure } from '@codegen/protocol/failure'
import type { LogLevel, LogLine } from '@codegen/protocol/local'
import type { Client } from '#client'
import { connectToDaemon } from '#connect'
import { askDaemonProgram } from '#daemon-program'
import { exitCodes } from '#exit-code'
import type { ExitCode } from '#exit-code'
import { limits } from '#limits'
import { isLogLine, isObject } from '#parse-news'
import { toJsonLine } from '#render/json-view'
import type { Terminal } from '#render/terminal'
import { toOneLine } from '#render/visible'
import type { Command, Invocation, Option } from './command.ts'
import { follow, lines, parseLines } from './log-options.ts'
import { json } from './options.ts'

const levels: readonly LogLevel[] = ['info', 'warn', 'error']
const level: Option = {
  name: 'level',
  value: 'LEVEL',
  summary: 'only these and above: info, warn or error',
  completes: levels,
}
const ofRun: Option = { name: 'run', value: 'ID', summary: 'only what is about this run', completes: 'runs' }

/** `codegen logs`: what codegend and its own Maestro wrote down. */
export const logs: Command = {
  name: 'logs',
  group: 'This machine',
  summary: 'what codegend and its own Maestro wrote down',
  operands: [],
  options: [follow, lines, level, ofRun, json],
  details: [
    'Starts nothing: where codegend is not running, its last words are read from its files. What a run did is codegen log ID;',
    'prompts, results and secrets are in neither file.',
  ],
  run: showLogs,
}

type Wanted = { lines: number; level?: LogLevel; run?: string }

async function showLogs({ has, value, terminal }: Invocation): Promise<ExitCode> {
  const wanted = parseWanted(value)
  const print = (line: LogLine): void => terminal.print(has(json) ? toJsonLine(line) : renderLine(line, terminal))
  const client = await connect(print, terminal)
  if (!client) {
    for (const line of await readFiles(wanted)) print(line)
    if (!has(follow)) return exitCodes.done
    terminal.note('codegend is not running, so nothing follows; codegen daemon start starts it')
    return exitCodes.unreachable
  }
  const shown = await client.tailLogs({ ...wanted, follow: has(follow) })
  for (const line of shown.lines) print(line)
  terminal.flush()
  if (has(follow)) {
    await client.closed
    terminal.note('codegend has left; codegen logs shows its last words')
  }
  client.close()
  return exitCodes.done
}

function parseWanted(value: Invocation['value']): Wanted {
  const count = parseLines(value)
  const name = value(level)
  const run = value(ofRun)
  const found = levels.find((one) => one === name)
  if (name !== undefined && !found)
    throw new Failure('request.invalid', `--level takes info, warn or error, not ${name.slice(0, 40)}.`)
  return { lines: count, ...(found ? { level: found } : {}), ...(run === undefined ? {} : { run }) }
}

/** Undefined where no codegend runs, or one that this codegen cannot talk to. */
async function connect(print: (line: LogLine) => void, terminal: Terminal): Promise<Client | undefined> {
  try {
    return await connectToDaemon({ events: { logLine: print, settled: terminal.flush } })
  } catch (thrown) {
    if (thrown instanceof Failure && thrown.code === 'server.unreachable') return undefined
    throw thrown
  }
}

async function readFiles(wanted: Wanted): Promise<LogLine[]> {
  const flags = Object.entries(wanted).map(([name, given]) => `--${name}=${given}`)
  const { code, stdout, stderr } = await askDaemonProgram(['logs', ...flags])
  if (code !== 0) throw new Failure('server.unreachable', `The log cannot be read: ${stderr.trim() || `code ${code}`}`)
  const answer: unknown = JSON.parse(stdout)
  return isObject(answer) && Array.isArray(answer['lines']) ? answer['lines'].filter(isLogLine) : []
}

function renderLine({ time, level: word, source, message, fields }: LogLine, { colours }: Terminal): string {
  const shown = Object.entries(fields).map(([name, field]) => `${name}=${toWord(field)}`)
  const who = source === 'maestro' ? 'maestro: ' : ''
  const text = toOneLine([`${who}${message}`, ...shown].join(' '), limits.logLineCharactersMax)
  const paint = word === 'error' ? colours.red : word === 'warn' ? colours.yellow : colours.dim
  return `${colours.dim(toLocalTime(time))} ${paint(word.padEnd(5))} ${text}\n`
}

/** An error is told by its message; its stack is in --json. */
function toWord(field: unknown): string {
  if (isObject(field) && typeof field['message'] === 'string') return field['message']
  return typeof field === 'string' ? field : JSON.stringify(field)
}

function toLocalTime(time: string): string {
  const date = new Date(time)
  if (Number.isNaN(date.getTime())) return time
  const two = (count: number): string => String(count).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}
