import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Tool } from '@codegen/kit'
import type { Log } from '#log'
import { limits } from '#limits'
import { checkPlugin } from './check-plugin.ts'
import { besides, conflictBeside, createDevPlugins } from './dev-plugins.ts'
import type { DevPlugins } from './dev-plugins.ts'
import { pluginsOfProject } from './find-project.ts'
import { toForeignTools } from './foreign-tools.ts'
import type { ForeignTools } from './host.ts'
import { keptIn } from './installed-plugin.ts'
import type { InstalledPlugin } from './installed-plugin.ts'
import { openKeptCopies } from './kept-copies.ts'
import type { KeptCopies } from './kept-copies.ts'
import { toListedPlugin } from './listed-plugin.ts'
import type { ListedPlugin } from './listed-plugin.ts'
import { missingGuards } from './missing-guards.ts'
import { toOwnersWays } from './owners-ways.ts'
import type { OwnersWays } from './owners-ways.ts'
import { openPluginConsent } from './plugin-consent.ts'
import { createPluginLogs } from './plugin-logs.ts'
import type { PluginLogs } from './plugin-logs.ts'
import type { PluginRoot } from './plugin-root.ts'
import { createPluginSet } from './plugin-set.ts'
import { createToolHooks } from './tool-hooks.ts'
import type { ToolHooks } from './tool-hooks.ts'
import { watchPlugins } from './watch-plugins.ts'
import type { PluginWatch } from './watch-plugins.ts'

/**
 * The plugins that were dropped into `plugins/`. Each runs in a process of its own; nothing it does there reaches codegend but through the contexts of its calls.
 */
export type ForeignPlugins = ForeignTools &
  OwnersWays & {
    readonly hooks: ToolHooks
    /** Looks at the folder and goes on looking. Resolves when what is there has been tried. */
    start(): Promise<void>
    list(): ListedPlugin[]
    check: typeof checkPlugin
    readonly dev: Pick<DevPlugins, 'open'>
    readonly logs: Pick<PluginLogs, 'last' | 'subscribe'>
    /** Ends all their processes. */
    stop(): void
  }

export type ForeignPluginsOptions = {
  /** Real path of CODEGEN_HOME. */
  readonly home: string
  /** Where they lie beside `plugins/` of `home`. */
  readonly otherRoots: readonly PluginRoot[]
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Where there is no sandbox no plugin is started. */
  readonly requireSandbox: boolean
  /** The set of tools that are offered has changed. */
  toolsChanged(): void
  readonly log: Log
}

export function createForeignPlugins(options: ForeignPluginsOptions): ForeignPlugins {
  const { home, otherRoots, environment, requireSandbox, log } = options
  const root = join(home, 'plugins')
  const consent = openPluginConsent(join(home, 'plugins.json'), log)
  const roots = (): PluginRoot[] => [
    { folder: root },
    ...otherRoots,
    ...consent.trusted().map((project) => ({ folder: pluginsOfProject(project), project })),
  ]
  let watching: PluginWatch | undefined
  let [looked, stopped] = [false, false]
  let pruning: NodeJS.Timeout | undefined
  const copies = openKeptCopies(keptIn(home))
  const logs = createPluginLogs(home)
  const parts = { home, environment, requireSandbox, copies, logs, log, changed: options.toolsChanged }
  const set = createPluginSet({ ...parts, consent, roots, unsettled: (afterMs) => watching?.lookAgain(afterMs) })
  const dev = createDevPlugins({ ...parts, roots, conflictOf: (...wish) => conflictBeside(set.all(), ...wish) })
  const installed = (): InstalledPlugin[] => besides(dev.all(), set.all())
  return {
    async start() {
      if (stopped) return
      mkdirSync(root, { recursive: true, mode: 0o700 })
      mkdirSync(keptIn(home), { recursive: true, mode: 0o700 })
      const fault = (error: unknown): void => log.error('the plugins could not be looked at', error)
      watching = watchPlugins({ roots, look: set.look, fault })
      await set.settled()
      looked = true
      if (stopped) return
      pruning = pruneCopies(
        copies,
        async () => [...(await set.folders()), ...dev.all().map(({ folder }) => folder)],
        log,
      )
    },
    ...toForeignTools({
      all: () => [...dev.all(), ...installed()],
      told: (plugin, tool) => dev.telling(plugin, notingTool(tool, plugin, logs)),
    }),
    // Of a plugin under development no hook is called: it would judge calls before its owner had installed it.
    hooks: createToolHooks({ plugins: set.all, settled: set.settled, consent, log }),
    list: () => [...installed().map(toListedPlugin), ...dev.listed(), ...(looked ? missingGuards(set, consent) : [])],
    check: checkPlugin,
    dev,
    logs,
    ...toOwnersWays({ set, consent, logs, home }),
    stop() {
      stopped = true
      clearInterval(pruning)
      dev.stop()
      logs.close()
      watching?.stop().catch((error: unknown) => log.error('the watch of the plugins did not end', error))
      const cancelAll = (): void => set.all().forEach(({ serving }) => serving?.cancel())
      cancelAll()
      // One that is being tried may serve only then.
      set.tried().then(cancelAll, cancelAll)
    },
  }
}

/** Removes copies nobody will ask for, now and every now and then. */
function pruneCopies(copies: KeptCopies, folders: () => Promise<string[]>, log: Log): NodeJS.Timeout {
  const prune = (): void => {
    folders()
      .then((found) => copies.prune(found, Date.now()))
      .catch((error: unknown) => log.error('old copies of plugins stay', error))
  }
  prune()
  return setInterval(prune, limits.pluginCopyKeptMs).unref()
}

/** Its author finds what it logs in its own log too. */
function notingTool(tool: Tool, { manifest }: InstalledPlugin, logs: PluginLogs): Tool {
  return {
    ...tool,
    run: (parameters, context) =>
      tool.run(parameters, { ...context, log: logs.noting(manifest?.name ?? 'unknown', context.log) }),
  }
}
