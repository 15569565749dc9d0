import type { Command } from '#commands/command'
import { json } from '#commands/options'
import { listPlugins } from './show-plugins.ts'

const details = [
  'serves    its newest version is offered          asks      it waits for codegen plugins allow NAME',
  'broken    the last good version serves on        refused   it is not run, and the line says why',
  'off       it crashed too often                   disabled  by codegen plugins disable NAME',
  'docs/plugins.md tells what a plugin is, and how to write one in five minutes.',
]

/** `codegen plugins`: what was dropped in, what became of it, and what it asks for. */
export const plugins: Command = {
  name: 'plugins',
  group: 'Plugins',
  summary: 'the plugins on this machine, and how they are',
  operands: [],
  options: [json],
  details,
  run: listPlugins,
}

/** `codegen plugins list`: the same, for who expects a verb. */
export const pluginsList: Command = { ...plugins, name: 'plugins list', isHidden: true }
