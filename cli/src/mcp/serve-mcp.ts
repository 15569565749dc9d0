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
import { watchTools } from './watch-tools.ts'

/** Serves codegend's tools to the MCP client at standard input and output until it closes them. Open calls end with it. */
export async function serveMcp(asked: Omit<McpSettings, 'door'>): Promise<ExitCode> {
  const { terminal } = asked
  const settings = { ...asked, door: createDaemonDoor(terminal) }
  const suspended = createSuspendedCalls()
  const transport = new EndingTransport()
  let server: McpServer | undefined
  const watch = watchTools(settings.door, () => server?.sendToolListChanged())
  const serve = ({ era }: McpRequestContext): McpServer => {
    server = createMcpServer({ settings, suspended, era, listed: watch.begin })
    return server
  }
  serveStdio(serve, {
    transport,
    onerror: ({ message }) => terminal.note(toOneLine(message, limits.reasonCharactersMax)),
  })
  await transport.ended
  watch.stop()
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

type Served = {
  readonly settings: McpSettings
  readonly suspended: SuspendedCalls
  readonly era: McpRequestContext['era']
  /** The client has been told what there is. */
  listed(): void
}

function createMcpServer({ settings, suspended, era, listed }: Served): McpServer {
  const mcp = new McpServer(
    { name: 'codegen', title: 'CodeGen', version },
    {
      capabilities: { tools: { listChanged: true } },
      enforceStrictCapabilities: true,
      instructions: `The tools work in ${settings.cwd}; relative paths begin there.`,
    },
  )
  mcp.server.setRequestHandler('tools/list', async () => {
    const found = await listTools(settings)
    listed()
    return found
  })
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
