import { resolve } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import type { PluginDevNews } from '@codegen/protocol/local'
import type { Client, Plugin } from '#client'
import { connectToDaemon } from '#connect'
import { exitCodes } from '#exit-code'
import type { ExitCode } from '#exit-code'
import { askedWords } from '#render/plugin-asks'
import { renderFact } from '#render/plugins'
import type { Terminal } from '#render/terminal'
import { toOneLine } from '#render/visible'
import { confirm } from './confirm.ts'
import { isNoise, renderCallNews, renderLogLine, renderVersion } from './dev-view.ts'

type Settings = { readonly place: string; readonly saysYes: boolean }

/**
 * Has codegend serve a plugin from its folder while this process lives, and shows what becomes of it and of each call. A codegend that is restarted is asked anew. Ends with
 * Ctrl-C; the plugin is served no more then.
 */
export async function devPlugin({ place, saysYes }: Settings, terminal: Terminal): Promise<ExitCode> {
  const folder = resolve(place)
  const stopping = new AbortController()
  const stop = (): void => stopping.abort()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
  const consent = createConsent({ saysYes, stop }, terminal)
  for (let isFirst = true; !stopping.signal.aborted; isFirst = false) {
    const { client, started } = await connect(folder, consent, terminal)
    const stopped = new Promise<void>((done) => stopping.signal.addEventListener('abort', () => done(), { once: true }))
    if (stopping.signal.aborted) break
    const plugin = await started.catch((thrown: unknown) => {
      client.close()
      if (isFirst || !(thrown instanceof Failure) || thrown.code !== 'client.closed') throw thrown
      return undefined
    })
    if (plugin) consent.begin(client, plugin)
    const end = await Promise.race([stopped, client.closed])
    client.close()
    if (end) terminal.note('codegend has left; the plugin is served again as soon as the next one is there')
  }
  terminal.note('the plugin is served no more')
  return exitCodes.done
}

async function connect(
  folder: string,
  consent: Consent,
  terminal: Terminal,
): Promise<{ client: Client; started: Promise<Plugin> }> {
  function show(news: PluginDevNews): void {
    if (news.kind !== 'version') terminal.print(renderCallNews(news, terminal))
    else if (consent.looksAt(client, news.plugin)) terminal.print(renderVersion(news, terminal))
  }
  const client: Client = await connectToDaemon({
    events: {
      pluginDevNews: show,
      pluginLogLine: (line) => isNoise(line) || terminal.print(renderLogLine(line, terminal)),
      settled: terminal.flush,
    },
    onStart: () => terminal.note('starting codegend, which stays in the background'),
  })
  return { client, started: client.developPlugin(folder) }
}

type Asking = Pick<Plugin, 'permissions' | 'command'>

function toAsking({ permissions, command }: Plugin): Asking {
  return { permissions, ...(command ? { command } : {}) }
}

/** Who may do what: what the plugin asked for at the beginning, and what the person said yes to since. */
type Consent = {
  /** A codegend serves it: it is told what was said so far. */
  begin(client: Client, plugin: Plugin): void
  /** Asks the person where the plugin asks for something else. Whether the version is worth showing: not before the beginning. */
  looksAt(client: Client, plugin: Plugin): boolean
}

function createConsent({ saysYes, stop }: { readonly saysYes: boolean; stop(): void }, terminal: Terminal): Consent {
  let allowed: Asking | undefined
  let refused = ''
  let [hasBegun, isAsking] = [false, false]

  async function ask(client: Client, plugin: Plugin): Promise<void> {
    const { name } = plugin
    const asking = toAsking(plugin)
    const words = toOneLine(askedWords(plugin).join('; ') || 'nothing', 600)
    const question = `${toOneLine(name, 200)} asks for something else now: ${words}. May it?`
    const answer = saysYes || (await confirm(terminal, question))
    if (answer) {
      allowed = asking
      await client.allowDeveloped(asking)
      return
    }
    refused = JSON.stringify(asking)
    const how = answer === undefined ? 'there is no terminal to ask on; begin anew to say yes' : 'not allowed'
    terminal.note(`${how}: ${words}`)
  }

  function failed(thrown: unknown): void {
    if (!(thrown instanceof Failure)) throw thrown
    if (thrown.code === 'client.cancelled') stop()
    else if (thrown.code !== 'client.closed') terminal.note(thrown.message)
  }

  function askWhereNeeded(client: Client, plugin: Plugin): void {
    const wanted = JSON.stringify(toAsking(plugin))
    // What was said yes to before is told to the next codegend by `begin`.
    if (plugin.state !== 'asks' || isAsking || wanted === refused || wanted === JSON.stringify(allowed)) return
    isAsking = true
    ask(client, plugin)
      .catch(failed)
      .finally(() => (isAsking = false))
  }

  return {
    begin(client, plugin) {
      if (!hasBegun) introduce(plugin, terminal)
      hasBegun = true
      // One that could not be read yet has not said what it asks for.
      if (plugin.state === 'asks') allowed ??= toAsking(plugin)
      if (allowed) client.allowDeveloped(allowed).catch(failed)
      else terminal.print(renderVersion({ kind: 'version', plugin }, terminal))
    },
    looksAt(client, plugin) {
      if (hasBegun) askWhereNeeded(client, plugin)
      return hasBegun
    },
  }
}

function introduce(plugin: Plugin, terminal: Terminal): void {
  const { name, version, folder, state } = plugin
  terminal.print(`${terminal.colours.bold(toOneLine(`${name} ${version}`, 200))} in ${toOneLine(folder, 600)}\n`)
  if (state === 'asks') terminal.print(renderFact('may now', askedWords(plugin).join('; ') || 'nothing', terminal))
  terminal.print(renderFact('ends with', 'Ctrl-C', terminal))
  terminal.flush()
}
