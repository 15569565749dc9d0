import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Tool } from '@codegen/kit'
import { builtInTools } from '@codegen/protocol/built-in'
import type {
  ApprovalRequested,
  ApprovalResolved,
  RunMode,
  RunTool,
  ToolOutputDelta,
  ToolResult,
} from '@codegen/protocol/wire'
import type { Test } from 'tap'
import { openJournal } from '#journal/journal'
import type { RemoteRoot } from '#config'
import type { Journal } from '#journal/journal'
import { createCallContexts } from '#plugins/call-context'
import type { ContextParts } from '#plugins/call-context'
import { createPluginHost } from '#plugins/host'
import { noHooks } from '#plugins/tool-hooks'
import type { ToolHooks } from '#plugins/tool-hooks'
import { createApprovals } from './approvals.ts'
import type { Approvals } from './approvals.ts'
import { createCalls } from './calls.ts'
import type { Calls } from './calls.ts'
import { createKnownRuns } from './known-runs.ts'
import type { KnownRuns } from './known-runs.ts'

/** The calls of a daemon on a real journal and real files, with tools whose behaviour the test chooses. */
export type TestCalls = {
  readonly calls: Calls
  readonly approvals: Approvals
  readonly runs: KnownRuns
  readonly journal: Journal
  readonly root: string
  readonly home: string
  readonly results: readonly ToolResult[]
  readonly deltas: readonly ToolOutputDelta[]
  readonly asked: readonly ApprovalRequested[]
  readonly resolved: readonly ApprovalResolved[]
  /** Runs a call of run `g-1` and waits for its result. */
  call(call: Partial<RunTool> & { tool_name: string }): Promise<ToolResult>
  /** The next result of this call. */
  result(toolId: string): Promise<ToolResult>
}

export type TestCallsOptions = {
  mode?: RunMode
  /** What tools of the built-ins' names do; the others say their own name. */
  tools?: Readonly<Record<string, Partial<Pick<Tool, 'run' | 'preview' | 'touches' | 'annotations' | 'timeout_ms'>>>>
  hooks?: ToolHooks
  remoteRoots?: readonly RemoteRoot[]
  /** A folder that an earlier daemon of this test used. */
  base?: string
}

export const quietLog: ContextParts['log'] = { info: () => {}, warn: () => {}, error: () => {} }

export function createTestCalls(t: Test, options: TestCallsOptions = {}): TestCalls {
  const base = options.base ?? newFolder(t)
  const [root, home] = [join(base, 'project'), join(base, 'home')]
  for (const folder of [root, home]) mkdirSync(folder, { recursive: true })
  const journal = openJournal({
    path: join(home, 'journal.log'),
    bootId: 'boot-1',
    isAlive: () => false,
    log: quietLog,
  })
  const [results, deltas, asked, resolved]: [ToolResult[], ToolOutputDelta[], ApprovalRequested[], ApprovalResolved[]] =
    [[], [], [], []]
  const waiting = new Map<string, (result: ToolResult) => void>()
  const reports = {
    result(result: ToolResult) {
      results.push(result)
      waiting.get(result.tool_id)?.(result)
    },
    output: (delta: ToolOutputDelta) => void deltas.push(delta),
    approvalRequested: (question: ApprovalRequested) => void asked.push(question),
    approvalResolved: (resolution: ApprovalResolved) => void resolved.push(resolution),
  }
  const groups = {
    add: () => ({ pid: 0, toolId: '', startTime: undefined }),
    remove: () => {},
    list: () => [],
    killAll: async () => {},
  }
  const contexts = createCallContexts({
    home,
    environment: {},
    clipboardEnvironment: {},
    allowedHosts: [],
    groups,
    log: quietLog,
  })
  const runs = createKnownRuns(journal, contexts.forgetRun)
  const approvals = createApprovals(reports)
  const host = createPluginHost([
    { name: 'test', load: async () => ({ default: { tools: toTools(options.tools ?? {}) } }) },
  ])
  const { remoteRoots = [] } = options
  const calls = createCalls({
    journal,
    host,
    reports,
    contexts,
    approvals,
    runs,
    hooks: options.hooks ?? noHooks,
    remoteRoots,
    traces: undefined,
    log: quietLog,
  })
  if (!runs.find('g-1')) {
    runs.expect({ clientRef: 'c-1', root, mode: options.mode ?? 'auto' })
    runs.begin({ clientRef: 'c-1', generationId: 'g-1', sessionId: 's-1' })
  }

  function result(toolId: string): Promise<ToolResult> {
    return new Promise((resolve) => waiting.set(toolId, resolve))
  }
  let count = 0
  return {
    calls,
    approvals,
    runs,
    journal,
    root,
    home,
    results,
    deltas,
    asked,
    resolved,
    result,
    call(call) {
      count += 1
      const whole = { tool_id: `call-${count}`, generation_id: 'g-1', parameters: {}, ...call }
      const ended = result(whole.tool_id)
      calls.run(whole)
      return ended
    },
  }
}

export function newFolder(t: Test): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'codegen-calls-')))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function toTools(changes: NonNullable<TestCallsOptions['tools']>): Tool[] {
  return builtInTools.map((tool) => ({
    ...tool,
    parameters: { ...tool.parameters },
    run: () => tool.name,
    touches: ({ file_path }: Readonly<Record<string, unknown>>) =>
      tool.annotations.readOnly || typeof file_path !== 'string' ? {} : { writes: [file_path] },
    ...changes[tool.name],
  }))
}
