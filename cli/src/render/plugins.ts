import type { Plugin } from '#client'
import { limits } from '#limits'
import { plain } from './colours.ts'
import { askedWords, toAskedFor, toServerQuestion } from './plugin-asks.ts'
import type { Screen } from './screen.ts'
import { renderTable } from './table.ts'
import { toOneLine } from './visible.ts'
import { createWordWrap } from './word-wrap.ts'

/** A plugin, with where it was fetched from. */
export type ShownPlugin = Plugin & { readonly source?: string; readonly changed_by_hand?: boolean }

/** Plugins for a person: a paragraph each, or a line each where there is no width to keep to. */
export function renderPlugins(plugins: readonly ShownPlugin[], screen: Screen): string {
  if (screen.columns === 0) return renderTable(plugins.map(toRow)) + plugins.flatMap(toRemarks).join('')
  return plugins.map((plugin) => renderPlugin(plugin, screen)).join('\n')
}

function toRow(plugin: ShownPlugin): string[] {
  const { name, version, state, tools, dev, project } = plugin
  return [
    toOneLine(`${name} ${version}`.trim(), 64),
    dev ? `${state} (dev)` : state,
    toOneLine(tools.join(', ') || 'no tools', 60),
    toOneLine([toAskedFor(plugin), ...holds(plugin)].join('; '), 200) +
      (project === undefined ? '' : ` (of ${toOneLine(project, 100)})`),
  ]
}

function toRemarks(plugin: ShownPlugin): string[] {
  const { name, problem, changed_by_hand, left_out = [] } = plugin
  const of = toOneLine(name, 64)
  return [
    ...unheld(plugin).map((sentence) => `${of}: ${sentence}\n`),
    ...(problem === undefined ? [] : [`${of}: ${toOneLine(problem, 600)}\n`]),
    ...left_out.map((reason) => `${of}: ${toOneLine(reason, 300)}\n`),
    ...(changed_by_hand ? [`${of}: ${changedByHand}\n`] : []),
    ...questionOf(plugin),
  ]
}

/** What is to be read before a yes to a server. */
function questionOf(plugin: ShownPlugin): string[] {
  return plugin.state === 'asks' ? toServerQuestion(plugin).map((line) => `${line}\n`) : []
}

/** Of a server its question says it. */
function holds({ containment, server }: Pick<Plugin, 'containment' | 'server'>): string[] {
  if (server) return []
  if (containment === 'sandbox') return ['in a sandbox']
  if (containment === 'permissions') return ["no sandbox, Node's permissions alone"]
  return containment === 'none' ? ['no sandbox, all your rights'] : []
}

function unheld({ containment, command = [] }: Pick<Plugin, 'containment' | 'command'>): string[] {
  if (containment !== 'none' || command.length === 0) return []
  return [
    `NO SANDBOX HOLDS IT HERE. ${toOneLine(command.join(' '), 200)} runs with all the rights of your account. codegen doctor says why.`,
  ]
}

const changedByHand = 'its files are not those that were fetched: changed by hand'

type Fact = [fact: string, text: string]

function renderPlugin(plugin: ShownPlugin, screen: Screen): string {
  const { colours } = screen
  const { name, version, state } = plugin
  const paint =
    state === 'serves' ? colours.green : state === 'asks' || state === 'disabled' ? colours.yellow : colours.red
  const head = `${paint('●')} ${colours.bold(toOneLine(`${name} ${version}`.trim(), 64))}  ${paint(state)}\n`
  const facts = [...whatItIs(plugin), ...whatIsAmiss(plugin)]
  const shown = facts.map(([fact, text]) => renderFact(fact, toOneLine(text, 600), screen))
  return [head, ...shown, ...questionOf(plugin)].join('')
}

function whatItIs(plugin: ShownPlugin): Fact[] {
  const { tools, folder, source, dev, project, server } = plugin
  const place: Fact = [dev ? 'in dev' : 'is in', folder]
  return [
    ['offers', tools.join(', ') || 'nothing'],
    ['asks for', server ? toAskedFor(plugin) : askedWords(plugin).join('; ') || 'nothing'],
    ...holds(plugin).map((words): Fact => ['held by', words]),
    place,
    ...(project === undefined ? [] : [['for', `those who work in ${project}`] satisfies Fact]),
    ...(source === undefined ? [] : [['comes from', source] satisfies Fact]),
  ]
}

function whatIsAmiss(plugin: ShownPlugin): Fact[] {
  const { name, state, problem, dev, server, changed_by_hand, left_out = [] } = plugin
  return [
    ...unheld(plugin).map((words): Fact => ['beware', words]),
    ...(changed_by_hand ? [['but', changedByHand] satisfies Fact] : []),
    ...(problem === undefined ? [] : [['problem', problem] satisfies Fact]),
    ...left_out.map((reason): Fact => ['left out', reason]),
    ...(state === 'asks' && !dev && !server ? [['next', `codegen plugins allow ${name}`] satisfies Fact] : []),
  ]
}

const factColumns = 14

/** A fact and its text, which goes on below itself. */
export function renderFact(fact: string, text: string, { colours, columns }: Screen): string {
  const wrap = createWordWrap(() => (columns < limits.proseColumnsMin ? Infinity : columns - 1))
  const first = `  ${colours.dim(fact.padEnd(factColumns - 2))}`
  const margin = { first, rest: ' '.repeat(factColumns), columns: factColumns }
  return `${wrap.startLine(margin)}${wrap.add(text, plain)}${wrap.flush()}\n`
}
