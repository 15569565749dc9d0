import type { Check } from '@codegen/protocol/wire'
import { connectToDaemon } from '#connect'
import { askDaemonProgram } from '#daemon-program'
import { exitCodes } from '#exit-code'
import type { ExitCode } from '#exit-code'
import { toFailure } from '@codegen/protocol/failure'
import { limits } from '#limits'
import { isObject } from '#parse-news'
import { toJsonLine } from '#render/json-view'
import type { Terminal } from '#render/terminal'
import { toOneLine } from '#render/visible'
import { version } from '#version'
import type { Command, Invocation } from './command.ts'
import { json } from './options.ts'

/** `codegen doctor`: looks at everything a prompt needs. Starts nothing and changes nothing. */
export const doctor: Command = {
  name: 'doctor',
  group: 'This machine',
  summary: 'look at everything a prompt needs, and say what to do',
  operands: [],
  options: [json],
  details: [
    'A line for each thing: ok and what is there, or what is wrong and what to do. Starts nothing: where codegend is not',
    'running, its Maestro, the model and the stores are not looked at. Exit code 0 says that all is well, 1 that it is not.',
  ],
  run: lookAround,
}

async function lookAround({ has, terminal }: Invocation): Promise<ExitCode> {
  const checks = [{ name: 'codegen', ok: true, says: `${version}, on Node ${process.versions.node}` }, ...(await ask())]
  for (const check of checks) terminal.print(has(json) ? toJsonLine(check) : renderCheck(check, terminal))
  return checks.every(({ ok }) => ok) ? exitCodes.done : exitCodes.failed
}

/** codegend is asked where it runs; else its program is, for what can be seen from outside. */
async function ask(): Promise<Check[]> {
  try {
    const client = await connectToDaemon({})
    try {
      const [{ pid, socket, uptime_ms }, { checks }] = await Promise.all([client.status(), client.doctor()])
      const minutes = Math.floor(uptime_ms / 60_000)
      return [{ name: 'codegend', ok: true, says: `pid ${pid}, up ${minutes} min, on ${socket}` }, ...checks]
    } finally {
      client.close()
    }
  } catch (thrown) {
    const { code, message, hint } = toFailure(thrown)
    const isAbsent = code === 'server.unreachable' && message.startsWith('codegend is not running')
    const todo = isAbsent ? 'codegen daemon start, then this again for Maestro, the model and the stores.' : hint
    const codegend = { name: 'codegend', ok: false, says: message, ...(todo ? { todo } : {}) }
    return [codegend, ...(await askProgram())]
  }
}

async function askProgram(): Promise<Check[]> {
  const { code, stdout, stderr } = await askDaemonProgram(['doctor'])
  const checks = parseChecks(stdout)
  if (code === 0 && checks) return checks
  const says = stderr.trim().split('\n').at(-1) || `its program ended with code ${code}`
  return [{ name: 'program', ok: false, says: `codegend cannot be asked: ${says}`, todo: 'Install CodeGen again.' }]
}

function parseChecks(text: string): Check[] | undefined {
  try {
    const answer: unknown = JSON.parse(text)
    return isObject(answer) && Array.isArray(answer['checks']) ? answer['checks'].filter(isCheck) : undefined
  } catch {
    return undefined
  }
}

function isCheck(value: unknown): value is Check {
  return isObject(value) && typeof value['name'] === 'string' && typeof value['says'] === 'string'
}

function renderCheck({ name, ok, says, todo }: Check, { colours }: Terminal): string {
  const word = ok ? colours.green('ok  ') : colours.red('NOT ')
  const line = (text: string): string => toOneLine(text, limits.checkCharactersMax)
  const next = todo === undefined || ok ? '' : `${' '.repeat(nameColumns + 5)}${line(todo)}\n`
  return `${word}${line(name).padEnd(nameColumns)} ${line(says)}\n${next}`
}

const nameColumns = 9
