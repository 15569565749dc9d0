import { join } from 'node:path'
import type { OutputStream, ToolContext } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { createClipboard } from '#hands/clipboard'
import { createFetch } from '#hands/fetch'
import { createFiles, isProtectedTarget } from '#hands/files'
import type { FilesOptions } from '#hands/files'
import type { ProcessGroups } from '#hands/process-group'
import { createRunFilesMemory } from '#hands/run-files-memory'
import type { RunFilesMemory } from '#hands/run-files-memory'
import { createSearch } from '#hands/search'
import { createSpawn } from '#hands/spawn'
import { createToMarkdown } from '#hands/to-markdown'
import type { Log } from '#log'
import { outputFolder, pruneOutputFolders } from './output-folders.ts'

/** What the contexts of all calls have in common. */
export type ContextParts = {
  /** Real path of CODEGEN_HOME. */
  readonly home: string
  /** What commands get of the environment. */
  readonly environment: Readonly<Record<string, string>>
  /** The daemon's own: where the owner's screen and clipboard are. */
  readonly clipboardEnvironment: NodeJS.ProcessEnv
  /** Hosts the owner lets tools fetch from although their addresses are not public. */
  readonly allowedHosts: readonly string[]
  readonly groups: ProcessGroups
  readonly log: Log
}

/** One call that is about to get its hands. */
export type CallPlace = {
  readonly toolId: string
  readonly generationId: string
  readonly toolName: string
  /** Real paths. */
  readonly root: string
  readonly cwd: string
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** The owner said yes to this very call, so that protected paths are open to it. */
  readonly consented: boolean
  output(chunk: string, stream: OutputStream): void
  ask: ToolContext['ask']
}

/** Makes the contexts of calls, the only hands a tool has. */
export type CallContexts = {
  create(call: CallPlace): ToolContext
  /** Whether one of these paths is what decides what runs later. A path that leads nowhere is not: then the tool itself says why. */
  writesProtected(call: Pick<CallPlace, 'root' | 'cwd' | 'generationId'>, paths: readonly string[]): Promise<boolean>
  /** Forgets what a run saw of its files, and removes whole outputs that are too old or too many. */
  forgetRun(generationId: string): void
}

export function createCallContexts(parts: ContextParts): CallContexts {
  const memories = new Map<string, RunFilesMemory>()

  function filesOptions({ root, cwd, generationId }: Pick<CallPlace, 'root' | 'cwd' | 'generationId'>): FilesOptions {
    const runMemory = memories.get(generationId) ?? createRunFilesMemory()
    memories.set(generationId, runMemory)
    return {
      root,
      cwd,
      runMemory,
      readableRoots: [outputFolder(parts.home, generationId)],
      protectedFolders: protectedBelow(root, parts.home),
    }
  }

  return {
    create(call) {
      const { toolId, generationId, toolName, root, cwd, timeoutMs, signal, output, ask } = call
      const outputDir = outputFolder(parts.home, generationId)
      const { environment, groups } = parts
      return {
        files: createFiles({ ...filesOptions(call), refuseProtected: !call.consented }),
        search: createSearch({ root, cwd, toolId, signal, groups }),
        spawn: createSpawn({ root, cwd, environment, outputDir, toolId, signal, groups }),
        fetch: createFetch({ allowedHosts: parts.allowedHosts, signal }),
        toMarkdown: createToMarkdown(signal),
        clipboard: createClipboard({ environment: parts.clipboardEnvironment, toolId, signal, groups }),
        ask,
        signal,
        cwd,
        workspaceRoot: root,
        toolId,
        generationId,
        timeoutMs,
        output: (chunk, stream = 'stdout') => output(chunk, stream),
        progress: (message) => output(message, 'progress'),
        log: toToolLog(parts.log, { tool: toolName, toolId }),
        dataDir: join(parts.home, 'data', toolName),
        config: {},
      }
    },
    async writesProtected(call, paths) {
      for (const path of paths) if (await isProtected(filesOptions(call), path)) return true
      return false
    },
    forgetRun(generationId) {
      memories.delete(generationId)
      pruneOutputFolders(parts.home, Date.now()).catch((error: unknown) => parts.log.error('old outputs stay', error))
    },
  }
}

async function isProtected(options: FilesOptions, path: string): Promise<boolean> {
  try {
    return await isProtectedTarget(options, path)
  } catch (error) {
    if (error instanceof Failure) return false
    throw error
  }
}

/** CODEGEN_HOME, where it lies below a run's root. */
function protectedBelow(root: string, home: string): readonly string[] {
  const base = root.endsWith('/') ? root : `${root}/`
  return home.startsWith(base) ? [home.slice(base.length)] : []
}

function toToolLog(log: Log, fields: { tool: string; toolId: string }): ToolContext['log'] {
  return { info: (message) => log.info(message, fields), warn: (message) => log.warn(message, fields) }
}
