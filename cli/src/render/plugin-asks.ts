import type { Plugin } from '#client'
import { toOneLine } from './visible.ts'

/** What a plugin asks for, in a few words. */
export function toAskedFor({ permissions, server }: Plugin): string {
  if (server?.url !== undefined) return `reaches ${server.url}${toTold(server)}`
  if (server) return `runs ${server.command ?? 'nothing'} with all your rights${toTold(server)}`
  return permissionWords(permissions).join('; ') || 'asks for nothing'
}

/** All that a plugin asks for, its command with it where it is a program: one entry for each thing it could do. */
export function askedWords({ permissions, command }: Pick<Plugin, 'permissions' | 'command'>): string[] {
  return [...(command ? [`starts ${command.join(' ')}`] : []), ...permissionWords(permissions)]
}

function permissionWords({ read, write, exec, net, env, hooks }: Plugin['permissions']): string[] {
  const [judged, seen] = [hooks.before, hooks.after].map((list) => (list.includes('*') ? ['every tool'] : list))
  const seeing = { 'sees and may refuse calls of': judged ?? [], 'sees results of': seen ?? [] }
  const lists = { ...seeing, reads: read, writes: write, reaches: net, 'is told': env }
  const said = Object.entries(lists).flatMap(([verb, list]) => (list.length > 0 ? [`${verb} ${list.join(', ')}`] : []))
  return [...said, ...(exec ? ['runs commands'] : [])]
}

/** The question that an MCP server puts to its owner, in full. */
export function toServerQuestion({ name, server }: Plugin): string[] {
  if (!server) return []
  const { command, cwd, url, env, headers } = server
  const what =
    url === undefined
      ? `${shown(name)} would be started as you, outside any sandbox, with all your files, keys and network:`
      : `${shown(name)} would be sent what a model calls its tools with, at:`
  return [
    what,
    `  ${shown(url ?? command ?? '')}`,
    ...(cwd === undefined ? [] : [`  in ${shown(cwd)}`]),
    ...(headers.length > 0 ? [`  with the headers ${shown(headers.join(', '))}`] : []),
    ...(env.length > 0 ? [`  told by name: ${shown(env.join(', '))}`] : []),
    `Let it: codegen plugins allow ${shown(name)}`,
  ]
}

function toTold({ env, headers }: NonNullable<Plugin['server']>): string {
  const names = [...env, ...headers]
  return names.length > 0 ? `; is told ${names.join(', ')}` : ''
}

function shown(text: string): string {
  return toOneLine(text.replaceAll('\n', '\\n').replaceAll('\r', '\\r'), charactersMax)
}

/** A command line is shown whole: what is not seen cannot be allowed. */
const charactersMax = 20_000
