import type { SpawnResult, ToolContext } from './kit/context.ts'
import { definePlugin, defineTool } from './kit/define-tool.ts'
import { findScripts, toCommand } from './scripts.ts'

const folder = { type: 'string', description: 'Where the package.json is. Left out: the working directory.' }

export const projectScripts = defineTool(
  {
    name: 'ProjectScripts',
    description: "Lists the scripts of the project's package.json, which RunScript runs.",
    annotations: { readOnly: true },
    parameters: { type: 'object', properties: { folder }, additionalProperties: false },
  },
  async ({ folder: place = '.' }: { folder?: string }, context) => {
    const { scripts, manager } = await findScripts(context.files, place)
    const lines = Object.entries(scripts).map(([name, command]) => `${name}: ${command}`)
    return lines.length > 0 ? `Run by ${manager}:\n${lines.join('\n')}` : 'The package.json has no scripts.'
  },
)

export const runScript = defineTool(
  {
    name: 'RunScript',
    description:
      "Runs a script of the project's package.json, such as its tests. Prefer it to a command line of your own.",
    annotations: { destructive: true },
    timeout_ms: 600_000,
    parameters: {
      type: 'object',
      properties: {
        name: { type: 'string', description: 'of ProjectScripts', minLength: 1, maxLength: 200 },
        args: { type: 'array', items: { type: 'string', maxLength: 4_000 }, maxItems: 50 },
        folder,
      },
      required: ['name'],
      additionalProperties: false,
    },
  },
  async ({ name, args = [], folder: place = '.' }: { name: string; args?: string[]; folder?: string }, context) => {
    const { scripts, manager } = await findScripts(context.files, place)
    if (!Object.hasOwn(scripts, name)) {
      const names = Object.keys(scripts).join(', ') || 'none'
      return { text: `There is no script ${name}. There are: ${names}.`, isError: true }
    }
    return run(toCommand(manager, name, args), place, context)
  },
)

async function run(command: string, cwd: string, context: ToolContext) {
  const result = await context.spawn(command, {
    cwd,
    timeoutMs: context.timeoutMs,
    charactersMax: 30_000,
    onOutput: (chunk, stream) => context.output(chunk, stream),
  })
  const isGood = result.end.kind === 'exited' && result.end.code === 0
  const cut = result.bytesCut > 0 ? `\n[${result.bytesCut} bytes left out]\n` : ''
  const text = `${result.head}${cut}${result.tail}`
  const structured = { command, ...result.end, duration_ms: result.durationMs }
  return isGood
    ? { text: text || 'It printed nothing.', structured }
    : { text: `${endInWords(result)}\n${text}`, structured, isError: true }
}

function endInWords({ end }: SpawnResult): string {
  if (end.kind === 'exited') return `The script ended with exit code ${end.code}.`
  if (end.kind === 'signalled') return `The script was ended by ${end.signal}.`
  return end.kind === 'timeout' ? 'The script took too long and was ended.' : 'The script was cancelled.'
}

export default definePlugin([projectScripts, runScript])
