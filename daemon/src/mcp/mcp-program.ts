import type { PluginProcess } from '#plugin-process/plugin-process'
import type { PluginProgram } from '#plugin-process/plugin-process'
import type { McpLaunch } from './to-launch.ts'

export type McpProgramOptions = {
  readonly name: string
  readonly launch: McpLaunch
  readonly dataDir: string
  /** Hears what a server of ours prints on stderr. */
  printed(text: string): void
  readonly definitionsFile: string
  readonly startMsMax: number
}

/** How a server is started. What speaks the protocol is loaded with the first one: a codegend without servers never has it. */
export function toMcpProgram({ definitionsFile, ...options }: McpProgramOptions): PluginProgram {
  return {
    name: options.name,
    definitionsFile,
    start: (redefined) => {
      const started = import('./mcp-process.ts').then(({ startMcpProcess }) =>
        startMcpProcess({ ...options, described: (offered) => redefined?.(offered) }),
      )
      return toProcess(started)
    },
  }
}

function toProcess(started: Promise<PluginProcess>): PluginProcess {
  return {
    describe: async () => (await started).describe(),
    call: async (tool, call) => (await started).call(tool, call),
    end: () => void started.then((process) => process.end()).catch(() => undefined),
    ended: started.then(
      ({ ended }) => ended,
      (error: unknown) => ({ asked: false, how: `it could not be loaded: ${String(error)}`, complaint: '' }),
    ),
  }
}
