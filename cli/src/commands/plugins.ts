import type { Client, Plugin } from '#client'
import { exitCodes } from '#exit-code'
import type { ExitCode } from '#exit-code'
import { toJsonLine } from '#render/json-view'
import { toAskedFor, toServerQuestion } from '#render/plugin-asks'
import { renderTable } from '#render/table'
import type { Terminal } from '#render/terminal'
import { toOneLine } from '#render/visible'
import { withClient } from '#with-client'
import type { Command, Invocation, Option } from './command.ts'
import { json } from './options.ts'

const details = [
  "docs/plugins.md tells what a plugin is. A folder in the plugins folder of codegend's home is one, and so is each MCP server that NAME.mcp.json names there.",
]
const operands = [{ name: 'NAME', meaning: "a plugin's name" }]

/** `codegen plugins`: what was dropped in, what became of it, and what it asks for. */
export const plugins: Command = {
  name: 'plugins',
  group: 'This machine',
  summary: 'the plugins that were dropped in, and how they are',
  operands: [],
  options: [json],
  details,
  run: (invocation) =>
    showPlugins(invocation, async (client) => {
      const { plugins: found, untrusted } = await client.listPlugins(process.cwd())
      if (untrusted !== undefined)
        invocation.terminal.note(
          `${toOneLine(untrusted, 300)} brings plugins of its own; should they be offered there, codegen plugins trust says so.`,
        )
      return found
    }),
}

const unconfined: Option = { name: 'unconfined', summary: 'also a plugin that no sandbox holds: with all your rights' }

/** `codegen plugins allow NAME` */
export const allowPlugin: Command = {
  name: 'plugins allow',
  group: 'This machine',
  summary: 'let a plugin have what it asks for, and offer its tools',
  operands,
  options: [unconfined, json],
  details: [
    'What it asks for is shown by codegen plugins. Should it ask for something else one day, it waits for another yes.',
    'A program in another language than JavaScript is held by a sandbox, or by nothing. That is another question.',
  ],
  run: (invocation) => {
    const options = { cwd: process.cwd(), ...(invocation.has(unconfined) ? { unconfined: true } : {}) }
    return showPlugins(invocation, async (client, name) => [await client.allowPlugin(name, options)])
  },
}

/** `codegen plugins enable NAME` */
export const enablePlugin: Command = {
  name: 'plugins enable',
  group: 'This machine',
  summary: 'offer the tools of a disabled plugin again',
  operands,
  options: [json],
  run: (invocation) =>
    showPlugins(invocation, async (client, name) => [await client.enablePlugin(name, process.cwd())]),
}

/** `codegen plugins disable NAME` */
export const disablePlugin: Command = {
  name: 'plugins disable',
  group: 'This machine',
  summary: 'offer nothing of a plugin until it is enabled',
  operands,
  options: [json],
  run: (invocation) =>
    showPlugins(invocation, async (client, name) => [await client.disablePlugin(name, process.cwd())]),
}

function showPlugins(
  { words: [name = ''], has, terminal }: Invocation,
  ask: (client: Client, name: string) => Promise<Plugin[]>,
): Promise<ExitCode> {
  return withClient(terminal, async (client) => {
    const found = await ask(client, name)
    printPlugins(found, { isJson: has(json), terminal })
    return exitCodes.done
  })
}

/** Prints plugins as a table and what is wrong with them below it, or as JSON lines. */
export function printPlugins(
  found: readonly Plugin[],
  { isJson, terminal }: { isJson: boolean; terminal: Terminal },
): void {
  for (const line of isJson ? found.map(toJsonLine) : toLines(found, terminal.columns)) terminal.print(line)
}

function toLines(found: readonly Plugin[], columns: number): string[] {
  return [
    ...(found.length > 0 ? [renderTable(found.map(toRow), columns)] : []),
    ...found.flatMap(toRights),
    ...found.flatMap(({ name, problem, left_out = [] }) => [
      ...(problem === undefined ? [] : [`${toOneLine(name, 64)}: ${toOneLine(problem, 600)}\n`]),
      ...left_out.map((reason) => `${toOneLine(name, 64)}: ${toOneLine(reason, 300)}\n`),
    ]),
    ...found.flatMap((plugin) => (plugin.state === 'asks' ? toServerQuestion(plugin).map((line) => `${line}\n`) : [])),
  ]
}

function toRights({ name, containment, command = [] }: Plugin): string[] {
  if (containment !== 'none' || command.length === 0) return []
  const line = toOneLine(command.join(' '), 200)
  return [
    `${toOneLine(name, 64)}: NO SANDBOX HOLDS IT HERE. ${line} runs with all the rights of your account. codegen doctor says why.\n`,
  ]
}

function toRow(plugin: Plugin): string[] {
  const { name, version, state, tools, project, server, containment } = plugin
  const held = server ? [] : holds(containment)
  return [
    toOneLine(`${name} ${version}`.trim(), 64),
    state,
    toOneLine(tools.join(', ') || 'no tools', 60),
    toOneLine([toAskedFor(plugin), ...held].join('; '), 200) +
      (project === undefined ? '' : ` (of ${toOneLine(project, 100)})`),
  ]
}

function holds(containment: Plugin['containment']): string[] {
  if (containment === 'sandbox') return ['in a sandbox']
  if (containment === 'permissions') return ["no sandbox, Node's permissions alone"]
  return containment === 'none' ? ['no sandbox, all your rights'] : []
}
