import { realpath } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Tool } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import type { PluginDevNews } from '@codegen/protocol/local'
import { limits } from '#limits'
import { consentDigest } from '#plugin-process/manifest'
import type { MadeOf, Manifest, PluginPermissions } from '#plugin-process/manifest'
import { tellingCalls } from './dev-calls.ts'
import { newPlugin, tryPlugin, withdraw } from './installed-plugin.ts'
import type { InstalledPlugin, PluginParts } from './installed-plugin.ts'
import { toListedPlugin } from './listed-plugin.ts'
import type { ListedPlugin } from './listed-plugin.ts'
import { lookAtFolder } from './plugin-folder.ts'
import type { PluginRoot } from './plugin-root.ts'
import { watchPlugins } from './watch-plugins.ts'

/** Plugins that are served from their authors' folders, each as long as its author watches. */
export type DevPlugins = {
  all(): InstalledPlugin[]
  listed(): ListedPlugin[]
  /** The tool as it tells its author of each call, where it is one of such a plugin. */
  telling(plugin: InstalledPlugin, tool: Tool): Tool
  /**
   * Serves a folder as any plugin is served: kept copy, check, description, swap. It waits for `allow`. Fails with plugin.refused: no folder, one that is served
   * already, or one in `plugins/`.
   */
  open(folder: string, tell: (news: PluginDevNews) => void): Promise<DevPlugin>
  stop(): void
}

export type DevPlugin = {
  readonly name: () => string | undefined
  listed(): ListedPlugin
  /** A yes to these permissions, and this command of a program: what asks for others waits. Fails with plugin.refused for a program that nothing would hold. */
  allow(permissions: PluginPermissions, command?: readonly string[]): Promise<ListedPlugin>
  /** Offers nothing of it any more. */
  close(): void
}

export type DevPluginsOptions = Omit<PluginParts, 'consent'> & {
  /** Where plugins are installed. */
  roots(): readonly PluginRoot[]
}

type Session = DevPlugin & {
  readonly plugin: InstalledPlugin
  tell(news: PluginDevNews): void
  /** Resolves when what is there has been tried. */
  settled(): Promise<void>
}

export function createDevPlugins(options: DevPluginsOptions): DevPlugins {
  const { roots } = options
  const sessions = new Map<string, Session>()
  return {
    all: () => [...sessions.values()].map(({ plugin }) => plugin),
    listed: () => [...sessions.values()].map(({ listed }) => listed()),
    telling(plugin, tool) {
      const session = sessions.get(plugin.folder)
      return session?.plugin === plugin ? tellingCalls(tool, session.tell) : tool
    },
    async open(given, tell) {
      const folder = await realpath(given).catch(() => {
        throw refused(`There is no folder ${given}.`)
      })
      if (sessions.has(folder)) throw refused(`${folder} is being developed in another terminal already.`)
      if (roots().some((root) => dirname(folder) === root.folder && !root.except?.has(basename(folder))))
        throw refused(`${folder} is installed: it is served already, and each change is taken up.`)
      const session = openSession({ folder, tell, options, left: () => sessions.delete(folder) })
      sessions.set(folder, session)
      try {
        await session.settled()
        return session
      } catch (error) {
        session.close()
        throw error
      }
    },
    stop() {
      for (const { plugin, close } of sessions.values()) {
        plugin.serving?.cancel()
        close()
      }
    },
  }
}

type SessionOptions = {
  readonly folder: string
  readonly options: DevPluginsOptions
  tell(news: PluginDevNews): void
  left(): void
}

function openSession({ folder, tell, options, left }: SessionOptions): Session {
  const plugin = newPlugin({ root: { folder: dirname(folder) }, folder })
  const consent = createDevConsent()
  const teller = createTeller(plugin, tell)
  const changed = (): void => {
    options.changed()
    // What else changes is told when the look that found it has ended.
    if (plugin.state === 'off') teller.version()
  }
  const watching = watchSession(plugin, { ...options, consent, changed }, teller.version)
  const listed = (): ListedPlugin => ({ ...toListedPlugin(plugin), dev: true })
  return {
    plugin,
    tell,
    listed,
    settled: watching.settled,
    name: () => plugin.manifest?.name,
    async allow(permissions, command) {
      if (command && plugin.containment === 'none')
        throw refused(
          `Nothing would hold ${command.join(' ')} here, so it is not served: codegen doctor says why there is no sandbox.`,
        )
      consent.allowed = toAsked(permissions, command ? { kind: 'command', command } : { kind: 'module', main: '' })
      plugin.stamp = undefined
      await watching.settled()
      return listed()
    },
    close() {
      teller.stop()
      watching.stop()
      left()
      withdraw(plugin, options)
    },
  }
}

/** Has what is in the folder tried whenever it has changed and settled; `tried` is called after that. */
function watchSession(
  plugin: InstalledPlugin,
  parts: PluginParts,
  tried: () => void,
): { settled(): Promise<void>; stop(): void } {
  const { folder } = plugin
  let stopped = false
  let looking: Promise<void> = Promise.resolve()
  const look = (): Promise<void> => (looking = looking.then(lookNow, lookNow))
  const fault = (error: unknown): void => parts.log.error('a folder could not be looked at', error, { folder })
  const watching = watchPlugins({ roots: () => [{ folder }], look, fault })

  async function lookNow(): Promise<void> {
    if (stopped) return
    try {
      const found = await lookAtFolder(folder)
      if (!found) throw refused(`The folder ${folder} is gone.`)
      if (found.stamp === plugin.stamp) return
      const restsMs = Date.now() - found.changedMs
      if (restsMs < limits.pluginSettleMs) return watching.lookAgain(limits.pluginSettleMs - restsMs)
      await tryPlugin(plugin, found, parts)
      // Its author left meanwhile.
      if (stopped) withdraw(plugin, parts)
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      Object.assign(plugin, { state: 'refused', problem: error.message, stamp: error.message })
      withdraw(plugin, parts)
    }
    tried()
  }

  return {
    async settled() {
      do await look()
      while (plugin.stamp === undefined && !stopped && (await delay(limits.pluginSettleMs, true)))
    },
    stop() {
      stopped = true
      watching.stop().catch(fault)
    },
  }
}

/** What its author said yes to, while he watches; nobody remembers it. */
function createDevConsent(): PluginParts['consent'] & { allowed: string } {
  const never = (): void => undefined
  return {
    allowed: '',
    isAllowed({ permissions, made }, { containment }) {
      return toAsked(permissions, made) === this.allowed && (made.kind === 'module' || containment !== 'none')
    },
    isDisabled: () => false,
    guardsOf: () => [],
    guards: () => [],
    allow: never,
    setDisabled: never,
    trusted: () => [],
    setTrusted: never,
    forget: never,
  }
}

/** What a yes is given to, whatever it holds. */
function toAsked(permissions: PluginPermissions, made: MadeOf): string {
  const asked: Manifest = { name: '', version: '', made, permissions }
  return consentDigest(asked, 'sandbox')
}

/** Tells which version serves, and why the newest one does not; only what is news. */
function createTeller(plugin: InstalledPlugin, tell: (news: PluginDevNews) => void): { version(): void; stop(): void } {
  let told: string | undefined = ''
  return {
    version() {
      const digest = plugin.serving?.digest
      const news = { plugin: { ...toListedPlugin(plugin), dev: true }, ...(digest === undefined ? {} : { digest }) }
      const text = JSON.stringify(news)
      if (told === undefined || text === told || plugin.stamp === undefined) return
      told = text
      tell({ kind: 'version', ...news })
    },
    stop() {
      told = undefined
    },
  }
}

function refused(sentence: string): Failure {
  return new Failure('plugin.refused', sentence)
}

/** The installed plugins that one under development does not stand for. */
export function besides(dev: readonly InstalledPlugin[], installed: readonly InstalledPlugin[]): InstalledPlugin[] {
  const serving = dev.filter((plugin) => plugin.serving)
  const tools = new Set(serving.flatMap(({ serving: version }) => version?.tools.map(({ name }) => name) ?? []))
  return installed.filter(
    (plugin) =>
      !serving.some(({ manifest }) => manifest?.name === plugin.manifest?.name) &&
      !plugin.serving?.tools.some(({ name }) => tools.has(name)),
  )
}

/** One under development stands for an installed one of its name, and for no other. A sentence, or undefined. */
export function conflictBeside(
  installed: readonly InstalledPlugin[],
  plugin: InstalledPlugin,
  tools: readonly string[],
): string | undefined {
  for (const other of installed) {
    if (other.manifest?.name === plugin.manifest?.name) continue
    const taken = other.serving?.tools.find(({ name }) => tools.includes(name))
    if (taken) return `The plugin ${other.manifest?.name} offers a tool ${taken.name} already.`
  }
  return undefined
}
