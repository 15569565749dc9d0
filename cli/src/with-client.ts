import type { Client } from './client.ts'
import { connectToDaemon } from './connect.ts'
import type { ExitCode } from './exit-code.ts'
import type { Terminal } from '#render/terminal'

/** Connects, starting codegend where it does not run, for one call or two. */
export async function withClient(terminal: Terminal, use: (client: Client) => Promise<ExitCode>): Promise<ExitCode> {
  const client = await connectToDaemon({
    onStart: () => terminal.note('starting codegend, which stays in the background'),
  })
  try {
    return await use(client)
  } finally {
    client.close()
  }
}
