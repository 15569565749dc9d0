import { Failure } from '@codegen/protocol/failure'
import type { PluginLogLine } from '@codegen/protocol/local'
import type { Call, Result } from '#local/call'
import type { Client } from '#local/client'
import type { PluginInDev } from '#local/ports'

const linesDefault = 50

/** The newest lines of what a plugin said; to a client that follows, each later one. None is told twice or left out. */
export async function tailPluginLog({
  daemon,
  client,
  parameters,
}: Call<'plugins/logs'>): Promise<Result<'plugins/logs'>> {
  const { name, lines = linesDefault, follow = false } = parameters
  const known = daemon.plugins.list()
  const last = await daemon.plugins.logs.last(name, lines)
  if (last.length === 0 && !known.some((plugin) => plugin.name === name)) {
    const names = known.map((plugin) => plugin.name)
    throw new Failure('plugin.unknown', `There is no plugin ${name}. There are: ${names.join(', ') || 'none'}.`)
  }
  const held: PluginLogLine[] = []
  let isAnswered = false
  if (!follow) return { lines: last }
  client.follow(
    daemon.plugins.logs.subscribe((line) => {
      if (line.plugin !== name) return
      if (isAnswered) client.peer.notify('plugins/log-line', line)
      else held.push(line)
    }),
  )
  const again = await daemon.plugins.logs.last(name, lines)
  const told = new Set(again.map((line) => JSON.stringify(line)))
  isAnswered = true
  return { lines: [...again, ...held.filter((line) => !told.has(JSON.stringify(line)))] }
}

/** One at a time of each client. */
const inDev = new WeakMap<Client, PluginInDev>()

/** What a client develops is named so among what it is shown. */
const devName = '/plugin-dev'

/** Serves a plugin from its author's folder until this client leaves, and tells it what becomes of that. */
export async function developPlugin({
  daemon,
  client,
  parameters,
}: Call<'plugins/dev'>): Promise<Result<'plugins/dev'>> {
  if (client.isAttached(devName)) throw new Failure('request.invalid', 'This connection develops a plugin already.')
  const opened = await daemon.plugins.dev.open(parameters.folder, (news) =>
    client.peer.notify('plugins/dev-news', { news }),
  )
  const stopLog = daemon.plugins.logs.subscribe((line) => {
    if (line.plugin === opened.name()) client.peer.notify('plugins/log-line', line)
  })
  inDev.set(client, opened)
  client.attach(devName, () => {
    stopLog()
    opened.close()
  })
  return { plugin: opened.listed() }
}

export async function allowDeveloped({
  client,
  parameters,
}: Call<'plugins/dev-allow'>): Promise<Result<'plugins/dev-allow'>> {
  const opened = client.isAttached(devName) ? inDev.get(client) : undefined
  if (!opened) throw new Failure('request.invalid', 'This connection develops no plugin; ask "plugins/dev" first.')
  return { plugin: await opened.allow(parameters.permissions, parameters.command) }
}

/** `plugins/list` */
export async function listPlugins({
  daemon,
  parameters: { cwd },
}: Call<'plugins/list'>): Promise<Result<'plugins/list'>> {
  const untrusted = cwd === undefined ? undefined : await daemon.plugins.untrusted(cwd)
  return { plugins: daemon.plugins.list(), ...(untrusted === undefined ? {} : { untrusted }) }
}
