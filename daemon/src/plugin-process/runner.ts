// The process of one foreign plugin: it holds the plugin's module and speaks lines of JSON-RPC with codegend on its standard input and output.
import { pathToFileURL } from 'node:url'
import type { Tool, ToolContext } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { createPeer } from '@codegen/protocol/peer'
import type { Peer } from '@codegen/protocol/peer'
import { createRunnerContext } from './runner-context.ts'
import type { LiveOutputs } from './runner-context.ts'
import type { ContextMethods, RunnerCall } from './runner-messages.ts'

const write = process.stdout.write.bind(process.stdout)
// What a plugin prints is no message of ours.
process.stdout.write = process.stderr.write.bind(process.stderr)

// A sandbox sets it. What a plugin did not ask for is not there.
delete process.env['PWD']

// Where this fails the process ends, and Node says on stderr which line it was.
const loaded: unknown = await import(pathToFileURL(process.argv[2] ?? '').href)
const tools = toTools(loaded)
const lives: LiveOutputs = new Map()

const peer: Peer<ContextMethods> = createPeer<ContextMethods>({
  write: (line) => write(line),
  close: () => process.exit(0),
  timers: { setTimeout, clearTimeout },
  openRequestsMax: Infinity,
  methods: {
    describe: () => tools.map(toDefinition),
    call: (parameters, { signal }) => (isCall(parameters) ? runTool(parameters, signal) : undefined),
    ping: () => null,
  },
  notifications: {
    'spawn/output'(news) {
      if (isSpawnOutput(news)) lives.get(news.live)?.(news.chunk, news.stream)
    },
  },
})
process.stdin.on('data', (chunk) => peer.receive(chunk))
process.stdin.on('end', () => process.exit(0))

function toTools(module: unknown): readonly Tool[] {
  if (isRecord(module) && isRecord(module['default']) && isTools(module['default']['tools'])) {
    return module['default']['tools']
  }
  throw new TypeError('The default export of a plugin is { tools: [...] }, and each tool has a name and a run.')
}

/** Definitions as data: functions are left behind. */
function toDefinition(tool: Tool): object {
  const { name, description, parameters, annotations, timeout_ms } = tool
  return { name, description, parameters, annotations, timeout_ms }
}

async function runTool({ call_id, tool: name, parameters, place }: RunnerCall, signal: AbortSignal): Promise<unknown> {
  const tool = tools.find((candidate) => candidate.name === name)
  if (!tool) throw new Failure('tool.unknown', `The plugin has no tool ${name}.`)
  const context: ToolContext = createRunnerContext({ peer, callId: call_id, place, signal, lives })
  try {
    return await tool.run(parameters, context)
  } catch (thrown) {
    if (thrown instanceof Failure) throw thrown
    const message = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)
    process.stderr.write(`${thrown instanceof Error ? thrown.stack : message}\n`)
    throw new Failure('tool.failed', `${name} failed. ${message.slice(0, 2_000)}`)
  }
}

function isCall(parameters: unknown): parameters is RunnerCall {
  return typeof parameters === 'object' && parameters !== null && 'call_id' in parameters && 'tool' in parameters
}

/** The rest of a definition is checked by codegend. */
function isTools(value: unknown): value is readonly Tool[] {
  const isTool = (tool: unknown): boolean =>
    isRecord(tool) && typeof tool['name'] === 'string' && typeof tool['run'] === 'function'
  return Array.isArray(value) && value.every(isTool)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

type SpawnOutput = { live: number; chunk: string; stream: 'stdout' | 'stderr' }

function isSpawnOutput(news: unknown): news is SpawnOutput {
  return typeof news === 'object' && news !== null && 'live' in news && 'chunk' in news && 'stream' in news
}
