import type { Plugin } from '#client'
import { limits } from '#limits'
import { plain } from './colours.ts'
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

/** What a plugin asks for, in words. */
function permissionsInWords(permissions: Plugin['permissions']): string {
  return permissionWords(permissions).join('; ') || 'asks for nothing'
}

/** All that a plugin asks for, its command with it where it is a program. */
export function askedWords({ permissions, command }: Pick<Plugin, 'permissions' | 'command'>): string[] {
  return [...(command ? [`starts ${command.join(' ')}`] : []), ...permissionWords(permissions)]
}

/** The same as a list: one entry for each thing a plugin could do. */
function permissionWords({ read, write, exec, net, env, hooks }: Plugin['permissions']): string[] {
  const [judged, seen] = [hooks.before, hooks.after].map((list) => (list.includes('*') ? ['every tool'] : list))
  const seeing = { 'sees and may refuse calls of': judged ?? [], 'sees results of': seen ?? [] }
  const lists = { ...seeing, reads: read, writes: write, reaches: net, 'is told': env }
  const said = Object.entries(lists).flatMap(([verb, list]) => (list.length > 0 ? [`${verb} ${list.join(', ')}`] : []))
  return [...said, ...(exec ? ['runs commands'] : [])]
}

function toRow({ name, version, state, tools, permissions, dev, project, containment }: ShownPlugin): string[] {
  return [
    toOneLine(`${name} ${version}`, 64),
    dev ? `${state} (dev)` : state,
    toOneLine(tools.join(', ') || 'no tools', 60),
    toOneLine([permissionsInWords(permissions), ...holds(containment)].join('; '), 200) +
      (project === undefined ? '' : ` (of ${toOneLine(project, 100)})`),
  ]
}

function toRemarks({ name, problem, changed_by_hand, ...plugin }: ShownPlugin): string[] {
  const of = toOneLine(name, 64)
  return [
    ...unheld(plugin).map((sentence) => `${of}: ${sentence}\n`),
    ...(problem === undefined ? [] : [`${of}: ${toOneLine(problem, 600)}\n`]),
    ...(changed_by_hand ? [`${of}: ${changedByHand}\n`] : []),
  ]
}

function holds(containment: Plugin['containment']): string[] {
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

function renderPlugin(plugin: ShownPlugin, screen: Screen): string {
  const { colours } = screen
  const { name, version, state, tools, folder, source, changed_by_hand, problem, dev, project } = plugin
  const paint =
    state === 'serves' ? colours.green : state === 'asks' || state === 'disabled' ? colours.yellow : colours.red
  const facts: [string, string][] = [
    ['offers', tools.join(', ') || 'nothing'],
    ['asks for', askedWords(plugin).join('; ') || 'nothing'],
    ...holds(plugin.containment).map((words) => ['held by', words] satisfies [string, string]),
    ...unheld(plugin).map((words) => ['beware', words] satisfies [string, string]),
    [dev ? 'in dev' : 'is in', folder],
    ...(project === undefined ? [] : [['for', `those who work in ${project}`] satisfies [string, string]]),
    ...(source === undefined ? [] : [['comes from', source] satisfies [string, string]]),
    ...(changed_by_hand ? [['but', changedByHand] satisfies [string, string]] : []),
    ...(problem === undefined ? [] : [['problem', problem] satisfies [string, string]]),
    ...(state === 'asks' && !dev ? [['next', `codegen plugins allow ${name}`] satisfies [string, string]] : []),
  ]
  const head = `${paint('●')} ${colours.bold(toOneLine(`${name} ${version}`, 64))}  ${paint(state)}\n`
  return head + facts.map(([fact, text]) => renderFact(fact, toOneLine(text, 600), screen)).join('')
}

const factColumns = 14

/** A fact and its text, which goes on below itself. */
export function renderFact(fact: string, text: string, { colours, columns }: Screen): string {
  const wrap = createWordWrap(() => (columns < limits.proseColumnsMin ? Infinity : columns - 1))
  const first = `  ${colours.dim(fact.padEnd(factColumns - 2))}`
  const margin = { first, rest: ' '.repeat(factColumns), columns: factColumns }
  return `${wrap.startLine(margin)}${wrap.add(text, plain)}${wrap.flush()}\n`
}
