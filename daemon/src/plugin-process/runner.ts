// The process of one foreign plugin: it holds the plugin's module and speaks lines of JSON-RPC with codegend on its standard input and output.
import { pathToFileURL } from 'node:url'
import type { Tool, ToolContext } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { createPeer } from '@codegen/protocol/peer'
import type { Peer } from '@codegen/protocol/peer'
import { createRunnerContext } from './runner-context.ts'
import type { LiveOutputs } from './runner-context.ts'
import type { ContextMethods, HookName, HookRequest, RunnerCall } from './runner-messages.ts'

const write = process.stdout.write.bind(process.stdout)
// What a plugin prints is no message of ours.
process.stdout.write = process.stderr.write.bind(process.stderr)

// A sandbox sets it. What a plugin did not ask for is not there.
delete process.env['PWD']

// Where this fails the process ends, and Node says on stderr which line it was.
const loaded: unknown = await import(pathToFileURL(process.argv[2] ?? '').href)
const { tools, hooks } = toPlugin(loaded)
const lives: LiveOutputs = new Map()

const peer: Peer<ContextMethods> = createPeer<ContextMethods>({
  write: (line) => write(line),
  close: () => process.exit(0),
  timers: { setTimeout, clearTimeout },
  openRequestsMax: Infinity,
  methods: {
    describe: () => ({ tools: tools.map(toDefinition), hooks: Object.keys(hooks) }),
    call: (parameters, { signal }) => (isCall(parameters) ? runTool(parameters, signal) : undefined),
    hook: (parameters) => (isHookRequest(parameters) ? runHook(parameters) : undefined),
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

function toPlugin(module: unknown): { tools: readonly Tool[]; hooks: Partial<Record<HookName, Hook>> } {
  const exported = isRecord(module) ? module['default'] : undefined
  if (!isRecord(exported)) throw wrongExport()
  const { tools: offered = [], beforeTool, afterTool } = exported
  if (!isTools(offered) || !isHook(beforeTool) || !isHook(afterTool)) throw wrongExport()
  const before = beforeTool ? { beforeTool: beforeTool.bind(exported) } : {}
  return { tools: offered, hooks: { ...before, ...(afterTool ? { afterTool: afterTool.bind(exported) } : {}) } }
}

function wrongExport(): TypeError {
  return new TypeError(
    'The default export of a plugin is { tools?: [...], beforeTool?, afterTool? }; each tool has a name and a run, and a hook is a function.',
  )
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
    process.stderr.write(`${thrown instanceof Error ? thrown.stack : String(thrown)}\n`)
    throw new Failure('tool.failed', `${name} failed. ${toWords(thrown).slice(0, 2_000)}`)
  }
}

function toWords(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)
}

/** Whatever is no object is said to be wrong here: as JSON it could look like nothing. */
async function runHook({ hook: name, call, result }: HookRequest): Promise<object | null> {
  const hook = hooks[name]
  if (!hook) throw new Failure('tool.unknown', `The plugin has no ${name}.`)
  try {
    const answer = await hook(call, result)
    if (answer === undefined || answer === null) return null
    if (typeof answer === 'object') return answer
  } catch (thrown) {
    process.stderr.write(`${thrown instanceof Error ? thrown.stack : String(thrown)}\n`)
    throw new Failure('tool.failed', toWords(thrown).slice(0, 500))
  }
  throw new Failure('tool.failed', 'it answered with something that is no object')
}

function isCall(parameters: unknown): parameters is RunnerCall {
  return typeof parameters === 'object' && parameters !== null && 'call_id' in parameters && 'tool' in parameters
}

function isHookRequest(parameters: unknown): parameters is HookRequest {
  return typeof parameters === 'object' && parameters !== null && 'hook' in parameters && 'call' in parameters
}

type Hook = (call: HookRequest['call'], result: HookRequest['result']) => unknown

function isHook(value: unknown): value is Hook | undefined {
  return value === undefined || typeof value === 'function'
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
