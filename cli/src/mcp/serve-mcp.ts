import { McpServer } from '@modelcontextprotocol/server'
import type { ListToolsResult, McpRequestContext } from '@modelcontextprotocol/server'
import { serveStdio, StdioServerTransport } from '@modelcontextprotocol/server/stdio'
import { exitCodes } from '#exit-code'
import type { ExitCode } from '#exit-code'
import { limits } from '#limits'
import { toOneLine } from '#render/visible'
import { version } from '#version'
import { answerCall } from './answer-call.ts'
import { createDaemonDoor } from './daemon-door.ts'
import type { McpSettings } from './settings.ts'
import { createSuspendedCalls } from './suspended-calls.ts'
import type { SuspendedCalls } from './suspended-calls.ts'
import { toTool } from './to-tool.ts'

/** Serves codegend's tools to the MCP client at standard input and output until it closes them. Open calls end with it. */
export async function serveMcp(asked: Omit<McpSettings, 'door'>): Promise<ExitCode> {
  const { terminal } = asked
  const settings = { ...asked, door: createDaemonDoor(terminal) }
  const suspended = createSuspendedCalls()
  const transport = new EndingTransport()
  serveStdio(({ era }) => createMcpServer(settings, suspended, era), {
    transport,
    onerror: ({ message }) => terminal.note(toOneLine(message, limits.reasonCharactersMax)),
  })
  await transport.ended
  suspended.close()
  return exitCodes.done
}

/** Standard input and output, with the moment when there is nobody there any more. */
class EndingTransport extends StdioServerTransport {
  readonly #ended = Promise.withResolvers<void>()
  readonly ended = this.#ended.promise

  constructor() {
    super(process.stdin, process.stdout, { maxBufferSize: limits.mcpMessageBytesMax })
  }

  override async close(): Promise<void> {
    await super.close()
    this.#ended.resolve()
  }
}

function createMcpServer(settings: McpSettings, suspended: SuspendedCalls, era: McpRequestContext['era']): McpServer {
  const mcp = new McpServer(
    { name: 'codegen', title: 'CodeGen', version },
    {
      capabilities: { tools: {} },
      enforceStrictCapabilities: true,
      instructions: `The tools work in ${settings.cwd}; relative paths begin there.`,
    },
  )
  mcp.server.setRequestHandler('tools/list', () => listTools(settings))
  mcp.server.setRequestHandler('tools/call', ({ params }, { mcpReq }) =>
    answerCall({ parameters: params, request: mcpReq, era, settings, suspended }),
  )
  return mcp
}

async function listTools({ door, cwd }: McpSettings): Promise<ListToolsResult> {
  const client = await door.connect()
  try {
    return { tools: (await client.listTools(cwd)).map(toTool) }
  } finally {
    client.close()
  }
}
