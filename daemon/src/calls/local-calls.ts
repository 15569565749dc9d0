import { randomUUID } from 'node:crypto'
import { isAbsolute } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import type { RunMode, ToolOutputDelta, ToolResult } from '@codegen/protocol/wire'
import { nearestWord } from '#nearest-word'
import { describeParameters } from '#plugins/describe-parameters'
import type { PluginHost } from '#plugins/host'
import type { Calls } from './calls.ts'
import { toOutcome } from './ending.ts'
import type { CallOutcome } from './ending.ts'
import type { KnownRuns } from './known-runs.ts'
import { newLocalRunId } from './local-run.ts'
import type { CallSinks } from './ports.ts'
import { realFolder } from './real-folder.ts'

/** Calls that people of this machine ask for, without a model and without Maestro. Each counts as a run of its own, whose root is its folder. */
export type LocalCalls = {
  /**
   * Runs a call to its end, whichever that is. `begun` hears its run before any question or output. Aborting `signal` cancels it. Fails with tool.unknown,
   * tool.bad_arguments or request.invalid; nothing was run then.
   */
  call(wish: LocalCall, watcher: LocalCallWatcher, signal: AbortSignal): Promise<CallOutcome>
  openCount(): number
}

export type LocalCall = {
  readonly name: string
  readonly parameters: Readonly<Record<string, unknown>>
  readonly cwd: string
  readonly mode: RunMode
  readonly timeout_ms?: number
}

export type LocalCallWatcher = { begun(generationId: string): void; output(delta: ToolOutputDelta): void }

export type LocalCallsParts = {
  readonly calls: Calls
  readonly runs: KnownRuns
  readonly host: PluginHost
  readonly sinks: CallSinks
}

export function createLocalCalls(parts: LocalCallsParts): LocalCalls {
  let openCount = 0
  return {
    async call(wish, watcher, signal) {
      const root = await findRoot(wish.cwd)
      await checkCall({ ...wish, root }, parts.host)
      signal.throwIfAborted()
      openCount += 1
      try {
        return toOutcome(wish.name, await runToEnd({ ...wish, root }, watcher, { ...parts, signal }))
      } finally {
        openCount -= 1
      }
    },
    openCount: () => openCount,
  }
}

/** Fails with tool.unknown or tool.bad_arguments, saying what would fit. */
async function checkCall({ name, parameters, root }: RootedCall, host: PluginHost): Promise<void> {
  const names = host.list(root).map((tool) => tool.name)
  if (!names.includes(name)) {
    throw new Failure(
      'tool.unknown',
      `There is no tool ${name.slice(0, 64)} on this machine; did you mean ${nearestWord(name, names)}? codegen tools lists them.`,
    )
  }
  const { tool } = await host.find(name, root)
  try {
    host.checkParameters(tool, parameters)
  } catch (failure) {
    if (!(failure instanceof Failure) || failure.code !== 'tool.bad_arguments') throw failure
    throw new Failure('tool.bad_arguments', `${failure.message} ${name} takes ${describeParameters(tool.parameters)}.`)
  }
}

async function findRoot(cwd: string): Promise<string> {
  const root = isAbsolute(cwd) ? await realFolder(cwd) : undefined
  if (root === undefined) throw new Failure('request.invalid', `There is no folder ${cwd} to work in.`)
  return root
}

type RootedCall = LocalCall & { readonly root: string }
type RunParts = Omit<LocalCallsParts, 'host'> & { readonly signal: AbortSignal }

async function runToEnd(
  { name, parameters, root, mode, timeout_ms }: RootedCall,
  watcher: LocalCallWatcher,
  { calls, runs, sinks, signal }: RunParts,
): Promise<ToolResult> {
  const run = { generationId: newLocalRunId(), root, mode }
  const ids = { tool_id: `call-${randomUUID()}`, generation_id: run.generationId }
  const { promise: ended, resolve } = Promise.withResolvers<ToolResult>()
  const cancel = (): void => calls.cancel({ ...ids, reason: 'user', grace_ms: 0 })
  runs.adopt(run)
  sinks.set(run.generationId, { result: resolve, output: watcher.output })
  watcher.begun(run.generationId)
  signal.addEventListener('abort', cancel, { once: true })
  try {
    calls.run({ ...ids, tool_name: name, parameters, ...(timeout_ms === undefined ? {} : { timeout_ms }) })
    if (signal.aborted) cancel()
    return await ended
  } finally {
    signal.removeEventListener('abort', cancel)
    sinks.delete(run.generationId)
    // Nobody else will ever ask for it.
    calls.stored(ids.tool_id)
    runs.end(run.generationId)
  }
}
