import { Type } from 'typebox'
import { method } from './method.ts'

const words = Type.Array(Type.String())

/** What an MCP server asks for: the line that starts it or the address it is at, and the names, never the values, of what it is told. */
const Server = Type.Object({
  command: Type.Optional(Type.String()),
  cwd: Type.Optional(Type.String()),
  url: Type.Optional(Type.String()),
  env: words,
  headers: words,
})

/**
 * A folder in `plugins/`. `state`: `serves`, or why its newest version does not: `asks` (its owner has not allowed what it asks for), `disabled`, `refused`, `broken`, or `off`
 * (it crashed too often). `problem` says what is wrong, with the line where there is one. `tools` are offered now, by the last good version; `left_out` says which are not, and
 * why. `hooks`: whose calls it sees before they run, and after; `*` is every tool. `containment` is what holds its process, or would: a `sandbox` of the kernel, Node's
 * `permissions` alone, or `none`: then it has all the rights of its owner. `command` is what is started where it is no module, `server` what an MCP server is.
 */
const Plugin = Type.Object({
  name: Type.String(),
  version: Type.String(),
  folder: Type.String(),
  state: Type.Enum(['serves', 'asks', 'disabled', 'refused', 'broken', 'off']),
  permissions: Type.Object({
    read: words,
    write: words,
    exec: Type.Boolean(),
    net: words,
    env: words,
    hooks: Type.Object({ before: words, after: words }),
  }),
  containment: Type.Optional(Type.Enum(['sandbox', 'permissions', 'none'])),
  command: Type.Optional(words),
  tools: words,
  /** The project it comes with; it is offered to those who work in it alone. */
  project: Type.Optional(Type.String()),
  problem: Type.Optional(Type.String()),
  server: Type.Optional(Server),
  left_out: Type.Optional(words),
})

const folder = Type.String({ minLength: 1, maxLength: 4096 })
/** With `cwd` it may be one of the project that folder lies in. */
const named = { name: Type.String({ minLength: 1, maxLength: 214 }), cwd: Type.Optional(folder) }
const one = Type.Object({ plugin: Plugin })
const all = Type.Object({ plugins: Type.Array(Plugin) })

/**
 * Every plugin that was dropped in, whatever became of it. `untrusted` is the project that `cwd` lies in, where it brings plugins of its own and its owner has not said that
 * it may.
 */
export const PluginsList = method(
  'plugins/list',
  { cwd: Type.Optional(folder) },
  Type.Object({ plugins: Type.Array(Plugin), untrusted: Type.Optional(Type.String()) }),
)

/**
 * The owner's yes to what the plugin asks for now; it is offered then. Fails with plugin.unknown; with plugin.refused where nothing would hold it and the owner has not said that it may
 * run `unconfined`.
 */
export const PluginsAllow = method('plugins/allow', { ...named, unconfined: Type.Optional(Type.Boolean()) }, one)

/** Offers what a disabled plugin has again. Fails with plugin.unknown. */
export const PluginsEnable = method('plugins/enable', named, one)

/** Offers nothing of it until it is enabled. Fails with plugin.unknown. */
export const PluginsDisable = method('plugins/disable', named, one)

/** Looks at every plugin anew, the ones that crashed too often as well. */
export const PluginsReload = method('plugins/reload', {}, all)

/**
 * Lets the project that `cwd` lies in bring plugins of its own (`.codegen/plugins/`); each still waits for its own yes. Answers with what lies there, tried. Fails with
 * plugin.unknown where it brings none.
 */
export const PluginsTrust = method(
  'plugins/trust',
  { cwd: folder },
  Type.Object({ project: Type.String(), plugins: Type.Array(Plugin) }),
)

/** Offers nothing of the project that `cwd` lies in any more. Fails with plugin.unknown where none is trusted. */
export const PluginsUntrust = method('plugins/untrust', { cwd: folder }, Type.Object({ project: Type.String() }))
