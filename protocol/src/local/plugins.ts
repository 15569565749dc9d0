import { Type } from 'typebox'
import type { Static } from 'typebox'
import { limits } from '#limits'
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

const permissions = Type.Object({
  read: words,
  write: words,
  exec: Type.Boolean(),
  net: words,
  env: words,
  hooks: Type.Object({ before: words, after: words }),
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
  permissions,
  containment: Type.Optional(Type.Enum(['sandbox', 'permissions', 'none'])),
  command: Type.Optional(words),
  tools: words,
  /** The project it comes with; it is offered to those who work in it alone. */
  project: Type.Optional(Type.String()),
  problem: Type.Optional(Type.String()),
  server: Type.Optional(Server),
  left_out: Type.Optional(words),
  /** It is served from its author's folder while that is developed. */
  dev: Type.Optional(Type.Boolean()),
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
/**
 * What a folder would be as a plugin, of which nothing is run and nothing kept. `digest` is that of all its files. Fails with plugin.refused, saying why it is none.
 */
export const PluginsCheck = method(
  'plugins/check',
  { folder },
  Type.Object({
    name: Type.String(),
    version: Type.String(),
    permissions,
    command: Type.Optional(words),
    digest: Type.String(),
  }),
)

/** Takes a plugin's folder out of `plugins/`, with its owner's yes and its log; what it kept for itself only `with_data`. Fails with plugin.unknown. */
export const PluginsRemove = method(
  'plugins/remove',
  { ...named, with_data: Type.Boolean() },
  Type.Object({ folder: Type.String(), data_folder: Type.Optional(Type.String()) }),
)

/**
 * Serves a plugin from its author's folder until this client leaves, in the place of an installed one of its name. Each change is a new version. What becomes of it, and of each
 * call, comes as `plugins/dev-news`; what it says as `plugins/log-line`. It waits for `plugins/dev-allow`. Fails with plugin.refused.
 */
export const PluginsDev = method('plugins/dev', { folder }, one)

/**
 * The yes of this client's person to these permissions and, where the plugin is a program, to this command; while it is served from there and for nothing else. Fails with
 * plugin.refused for a program that nothing would hold.
 */
export const PluginsDevAllow = method('plugins/dev-allow', { permissions, command: Type.Optional(words) }, one)

/** One line of what a plugin said: on its standard error, or by `context.log`. */
export const PluginLogLine = Type.Object({
  plugin: Type.String(),
  time: Type.String(),
  source: Type.Enum(['stderr', 'info', 'warn']),
  text: Type.String(),
})
export type PluginLogLine = Static<typeof PluginLogLine>

/** The newest lines of what a plugin said, oldest first. `follow`: later ones come as `plugins/log-line`, until the client leaves. Fails with plugin.unknown. */
export const PluginsLogs = method(
  'plugins/logs',
  {
    ...named,
    lines: Type.Optional(Type.Integer({ minimum: 0, maximum: limits.logLinesMax })),
    follow: Type.Optional(Type.Boolean()),
  },
  Type.Object({ lines: Type.Array(PluginLogLine) }),
)

/** What its author is told of a plugin under development. Long texts are cut; their length is told in characters. */
export const PluginDevNews = Type.Union([
  Type.Object({ kind: Type.Literal('version'), plugin: Plugin, digest: Type.Optional(Type.String()) }),
  Type.Object({ kind: Type.Literal('call'), tool_id: Type.String(), tool: Type.String(), parameters: Type.String() }),
  Type.Object({ kind: Type.Literal('output'), tool_id: Type.String(), stream: Type.String(), chunk: Type.String() }),
  Type.Object({
    kind: Type.Literal('result'),
    tool_id: Type.String(),
    tool: Type.String(),
    status: Type.Enum(['success', 'error']),
    text: Type.String(),
    characters: Type.Integer(),
    duration_ms: Type.Integer(),
  }),
])
export type PluginDevNews = Static<typeof PluginDevNews>
