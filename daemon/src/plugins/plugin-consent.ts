import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Compile } from 'typebox/compile'
import type { Log } from '#log'
import { consentDigest } from '#plugin-process/manifest'
import type { Containment, Manifest } from '#plugin-process/manifest'
import { isOfferedIn } from './plugin-root.ts'
import type { PluginRoot } from './plugin-root.ts'

/** What is asked besides the manifest: where the plugin lies, and what would hold it. */
export type Asked = { readonly root: PluginRoot; readonly containment: Containment }

/** What the owner said of the plugins. It outlives codegend, and a plugin that is removed and comes back. */
export type PluginConsent = {
  /** Whether the owner said yes to a plugin of this name, of this place, with these very permissions and, where it is a command, to this command held like this. */
  isAllowed(manifest: Manifest, asked: Asked): boolean
  isDisabled(name: string, root: PluginRoot): boolean
  /** By name, the plugins that are allowed, not disabled, and asked to see this tool's calls before they run, whether they are there or not: those for who works in `path`. */
  guardsOf(tool: string, path: string): readonly Guard[]
  /** All such plugins. */
  guards(): readonly Guard[]
  allow(manifest: Manifest, asked: Asked): void
  setDisabled(name: string, root: Pick<PluginRoot, 'project'>, isDisabled: boolean): void
  /** It is gone: one of its name that comes later is asked about anew, and it guards nothing. */
  forget(name: string, root: Pick<PluginRoot, 'project'>): void
  /** Projects whose own plugins may be offered: real paths. */
  trusted(): readonly string[]
  setTrusted(project: string, isTrusted: boolean): void
}

/** A plugin whose owner let it see calls of these tools before they run, for all or for those who work in its project. */
export type Guard = Static<typeof Guard>
const Guard = Type.Object({
  name: Type.String(),
  project: Type.Optional(Type.String()),
  tools: Type.Array(Type.String()),
})

const validator = Compile(
  Type.Object({
    allowed: Type.Record(Type.String(), Type.String()),
    disabled: Type.Array(Type.String()),
    projects: Type.Optional(Type.Array(Type.String())),
    guards: Type.Optional(Type.Record(Type.String(), Guard)),
  }),
)

/** Reads the file. One that cannot be read is no consent. */
export function openPluginConsent(file: string, log: Log): PluginConsent {
  const { allowed, disabled, projects, guards } = load(file, log)

  /** What a project that is not trusted brings is not looked at, and guards nothing. */
  function listGuards(): Guard[] {
    const isOn = ([key, { project }]: [string, Guard]): boolean =>
      !disabled.has(key) && (project === undefined || projects.has(project))
    const on = [...guards].filter(isOn).map(([, guard]) => guard)
    return on.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  }

  function save(): void {
    const said = {
      allowed: Object.fromEntries(allowed),
      disabled: [...disabled],
      projects: [...projects],
      guards: Object.fromEntries(guards),
    }
    const text = JSON.stringify(said, undefined, 2)
    writeFileSync(`${file}.new`, `${text}\n`, { mode: 0o600 })
    renameSync(`${file}.new`, file)
  }

  return {
    isAllowed: (manifest, { root, containment }) =>
      allowed.get(toKey(manifest.name, root)) === consentDigest(manifest, containment),
    isDisabled: (name, root) => disabled.has(toKey(name, root)),
    guardsOf(tool, path) {
      if (guards.size === 0) return none
      return listGuards().filter(({ tools, project }) => namesTool(tools, tool) && isOfferedIn(project, path))
    },
    guards: listGuards,
    allow(manifest, { root, containment }) {
      const { name, permissions } = manifest
      const key = toKey(name, root)
      allowed.set(key, consentDigest(manifest, containment))
      const { project } = root
      const tools = permissions.hooks.before
      if (tools.length === 0) guards.delete(key)
      else guards.set(key, { name, ...(project === undefined ? {} : { project }), tools })
      disabled.delete(key)
      save()
    },
    setDisabled(name, root, isDisabled) {
      if (isDisabled) disabled.add(toKey(name, root))
      else disabled.delete(toKey(name, root))
      save()
    },
    forget(name, root) {
      for (const said of [allowed, disabled, guards]) said.delete(toKey(name, root))
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
function toKey(name: string, { project }: Pick<PluginRoot, 'project'>): string {
  return project === undefined ? name : `${name} of ${project}`
}

const none: readonly Guard[] = []

/** Whether a list of tools in a manifest means this one. */
export function namesTool(list: readonly string[], tool: string): boolean {
  return list.includes('*') || list.includes(tool)
}

type Said = { allowed: Map<string, string>; disabled: Set<string>; projects: Set<string>; guards: Map<string, Guard> }

function load(file: string, log: Log): Said {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return nothing()
  }
  const found = parse(text)
  if (validator.Check(found)) {
    const { allowed, disabled, projects = [], guards = {} } = found
    return {
      allowed: new Map(Object.entries(allowed)),
      disabled: new Set(disabled),
      projects: new Set(projects),
      guards: new Map(Object.entries(guards)),
    }
  }
  log.warn('what was allowed to plugins cannot be read; each is asked for again', { file })
  return nothing()
}

function nothing(): Said {
  return { allowed: new Map(), disabled: new Set(), projects: new Set(), guards: new Map() }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
