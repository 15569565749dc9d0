import type { RunMode } from '@codegen/protocol/wire'
import type { DaemonDoor } from './daemon-door.ts'
import type { Terminal } from '#render/terminal'

/** What holds for every call of one `codegen mcp`. */
export type McpSettings = {
  readonly mode: RunMode
  /** The folder calls run in. */
  readonly cwd: string
  /** Its standard output belongs to MCP: only notes go here. */
  readonly terminal: Terminal
  readonly door: DaemonDoor
}
