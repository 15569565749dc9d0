import type { ToolContext, ToolReturn } from './context.ts'
import type { Tool } from './define-tool.ts'

/** A context for a tool's test, and what the tool did with it. */
export type Harness = {
  readonly context: ToolContext
  readonly outputs: { chunk: string; stream: string }[]
  readonly progress: string[]
  readonly logs: string[]
  /** Runs a tool and returns its text. */
  run(tool: Tool, parameters: Record<string, unknown>): Promise<Exclude<ToolReturn, string>>
}

/**
 * Makes a context out of the parts a test gives. A part it does not give fails when the tool uses it, naming the part, so a test shows what its tool
 * reaches for.
 */
export function createHarness(parts: Partial<ToolContext> = {}): Harness {
  const [outputs, progress, logs]: [Harness['outputs'], string[], string[]] = [[], [], []]
  const context: ToolContext = {
    files: missingFiles,
    search: { paths: () => missing('search'), lines: () => missing('search') },
    spawn: () => missing('spawn'),
    fetch: () => missing('fetch'),
    toMarkdown: () => missing('toMarkdown'),
    clipboard: { read: () => missing('clipboard'), write: () => missing('clipboard') },
    ask: () => missing('ask'),
    signal: new AbortController().signal,
    cwd: '/workspace',
    workspaceRoot: '/workspace',
    toolId: 'tool-1',
    generationId: 'generation-1',
    timeoutMs: 10_000,
    output: (chunk, stream = 'stdout') => void outputs.push({ chunk, stream }),
    progress: (message) => void progress.push(message),
    log: { info: (message) => void logs.push(message), warn: (message) => void logs.push(message) },
    dataDir: '/workspace/.data',
    config: {},
    ...parts,
  }
  return { context, outputs, progress, logs, run: (tool, parameters) => runTool(tool, parameters, context) }
}

const missingFiles: ToolContext['files'] = {
  read: () => missing('files'),
  readHead: () => missing('files'),
  stat: () => missing('files'),
  write: () => missing('files'),
  remove: () => missing('files'),
  lastSeen: () => missing('files'),
  list: () => missing('files'),
}

async function missing(part: string): Promise<never> {
  throw new Error(`The tool used context.${part}; give the harness a ${part} of your own.`)
}

async function runTool(
  tool: Tool,
  parameters: Record<string, unknown>,
  context: ToolContext,
): Promise<Exclude<ToolReturn, string>> {
  const returned = await tool.run(parameters, context)
  return typeof returned === 'string' ? { text: returned } : returned
}
