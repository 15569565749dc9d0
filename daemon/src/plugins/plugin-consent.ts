import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { Log } from '#log'
import { permissionsDigest } from '#plugin-process/manifest'
import type { Manifest } from '#plugin-process/manifest'
import type { PluginRoot } from './plugin-root.ts'

/** What the owner said of the plugins. It outlives codegend, and a plugin that is removed and comes back. */
export type PluginConsent = {
  /** Whether the owner said yes to a plugin of this name, of this place, with these very permissions. */
  isAllowed(manifest: Manifest, root: PluginRoot): boolean
  isDisabled(name: string, root: PluginRoot): boolean
  allow(manifest: Manifest, root: PluginRoot): void
  setDisabled(name: string, root: PluginRoot, isDisabled: boolean): void
  /** It is gone: one of its name that comes later is asked about anew. */
  forget(name: string, root: PluginRoot): void
  /** Projects whose own plugins may be offered: real paths. */
  trusted(): readonly string[]
  setTrusted(project: string, isTrusted: boolean): void
}

const validator = Compile(
  Type.Object({
    allowed: Type.Record(Type.String(), Type.String()),
    disabled: Type.Array(Type.String()),
    projects: Type.Optional(Type.Array(Type.String())),
  }),
)

/** Reads the file. One that cannot be read is no consent. */
export function openPluginConsent(file: string, log: Log): PluginConsent {
  const { allowed, disabled, projects } = load(file, log)

  function save(): void {
    const said = { allowed: Object.fromEntries(allowed), disabled: [...disabled], projects: [...projects] }
    const text = JSON.stringify(said, undefined, 2)
    writeFileSync(`${file}.new`, `${text}\n`, { mode: 0o600 })
    renameSync(`${file}.new`, file)
  }

  return {
    isAllowed: ({ name, permissions }, root) => allowed.get(toKey(name, root)) === permissionsDigest(permissions),
    isDisabled: (name, root) => disabled.has(toKey(name, root)),
    allow({ name, permissions }, root) {
      allowed.set(toKey(name, root), permissionsDigest(permissions))
      disabled.delete(toKey(name, root))
      save()
    },
    setDisabled(name, root, isDisabled) {
      if (isDisabled) disabled.add(toKey(name, root))
      else disabled.delete(toKey(name, root))
      save()
    },
    forget(name, root) {
      allowed.delete(toKey(name, root))
      disabled.delete(toKey(name, root))
      save()
    },
    trusted: () => [...projects],
    setTrusted(project, isTrusted) {
      if (isTrusted) projects.add(project)
      else projects.delete(project)
      save()
    },
  }
}

/** A yes to the owner's own plugin is none to one of that name that a project brings. */
function toKey(name: string, { project }: PluginRoot): string {
  return project === undefined ? name : `${name} of ${project}`
}

type Said = { allowed: Map<string, string>; disabled: Set<string>; projects: Set<string> }

function load(file: string, log: Log): Said {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return nothing()
  }
  const found = parse(text)
  if (validator.Check(found)) {
    const { allowed, disabled, projects = [] } = found
    return { allowed: new Map(Object.entries(allowed)), disabled: new Set(disabled), projects: new Set(projects) }
  }
  log.warn('what was allowed to plugins cannot be read; each is asked for again', { file })
  return nothing()
}

function nothing(): Said {
  return { allowed: new Map(), disabled: new Set(), projects: new Set() }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
