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
  allow(manifest: Manifest): void
  setDisabled(name: string, isDisabled: boolean): void
  /** It is gone: one of its name that comes later is asked about anew. */
  forget(name: string): void
}

const validator = Compile(
  Type.Object({ allowed: Type.Record(Type.String(), Type.String()), disabled: Type.Array(Type.String()) }),
)

/** Reads the file. One that cannot be read is no consent. */
export function openPluginConsent(file: string, log: Log): PluginConsent {
  const { allowed, disabled } = load(file, log)

  function save(): void {
    const text = JSON.stringify({ allowed: Object.fromEntries(allowed), disabled: [...disabled] }, undefined, 2)
    writeFileSync(`${file}.new`, `${text}\n`, { mode: 0o600 })
    renameSync(`${file}.new`, file)
  }

  return {
    isAllowed: ({ name, permissions }) => allowed.get(name) === permissionsDigest(permissions),
    isDisabled: (name) => disabled.has(name),
    allow({ name, permissions }) {
      allowed.set(name, permissionsDigest(permissions))
      disabled.delete(name)
      save()
    },
    setDisabled(name, isDisabled) {
      if (isDisabled) disabled.add(name)
      else disabled.delete(name)
      save()
    },
    forget(name) {
      allowed.delete(name)
      disabled.delete(name)
      save()
    },
  }
}

function load(file: string, log: Log): { allowed: Map<string, string>; disabled: Set<string> } {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return { allowed: new Map(), disabled: new Set() }
  }
  const found = parse(text)
  if (validator.Check(found)) {
    return { allowed: new Map(Object.entries(found.allowed)), disabled: new Set(found.disabled) }
  }
  log.warn('what was allowed to plugins cannot be read; each is asked for again', { file })
  return { allowed: new Map(), disabled: new Set() }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
