import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { Log } from '#log'
import { permissionsDigest } from '#plugin-process/manifest'
import type { Manifest } from '#plugin-process/manifest'

/** What the owner said of the plugins. It outlives codegend, and a plugin that is removed and comes back. */
export type PluginConsent = {
  /** Whether the owner said yes to a plugin of this name with these very permissions. */
  isAllowed(manifest: Manifest): boolean
  isDisabled(name: string): boolean
  /** Names, in order, of the plugins that are allowed and not disabled and asked to see this tool's calls before they run, whether they are there or not. */
  guardsOf(tool: string): readonly string[]
  /** All such plugins, and what they asked to see. */
  guards(): readonly { readonly name: string; readonly tools: readonly string[] }[]
  allow(manifest: Manifest): void
  setDisabled(name: string, isDisabled: boolean): void
}

const validator = Compile(
  Type.Object({
    allowed: Type.Record(Type.String(), Type.String()),
    disabled: Type.Array(Type.String()),
    guards: Type.Optional(Type.Record(Type.String(), Type.Array(Type.String()))),
  }),
)

/** Reads the file. One that cannot be read is no consent. */
export function openPluginConsent(file: string, log: Log): PluginConsent {
  const { allowed, disabled, guards } = load(file, log)
  const listGuards = () =>
    [...guards]
      .map(([name, tools]) => ({ name, tools }))
      .filter(({ name }) => !disabled.has(name))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))

  function save(): void {
    const said = {
      allowed: Object.fromEntries(allowed),
      disabled: [...disabled],
      guards: Object.fromEntries(guards),
    }
    const text = JSON.stringify(said, undefined, 2)
    writeFileSync(`${file}.new`, `${text}\n`, { mode: 0o600 })
    renameSync(`${file}.new`, file)
  }

  return {
    isAllowed: ({ name, permissions }) => allowed.get(name) === permissionsDigest(permissions),
    isDisabled: (name) => disabled.has(name),
    guardsOf(tool) {
      if (guards.size === 0) return none
      return listGuards().flatMap(({ name, tools }) => (namesTool(tools, tool) ? [name] : []))
    },
    guards: listGuards,
    allow({ name, permissions }) {
      allowed.set(name, permissionsDigest(permissions))
      if (permissions.hooks.before.length > 0) guards.set(name, permissions.hooks.before)
      else guards.delete(name)
      disabled.delete(name)
      save()
    },
    setDisabled(name, isDisabled) {
      if (isDisabled) disabled.add(name)
      else disabled.delete(name)
      save()
    },
  }
}

const none: readonly string[] = []

/** Whether a list of tools in a manifest means this one. */
export function namesTool(list: readonly string[], tool: string): boolean {
  return list.includes('*') || list.includes(tool)
}

type Said = { allowed: Map<string, string>; disabled: Set<string>; guards: Map<string, readonly string[]> }

function load(file: string, log: Log): Said {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return nothing()
  }
  const found = parse(text)
  if (validator.Check(found)) {
    const { allowed, disabled, guards = {} } = found
    return {
      allowed: new Map(Object.entries(allowed)),
      disabled: new Set(disabled),
      guards: new Map(Object.entries(guards)),
    }
  }
  log.warn('what was allowed to plugins cannot be read; each is asked for again', { file })
  return nothing()
}

function nothing(): Said {
  return { allowed: new Map(), disabled: new Set(), guards: new Map() }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
