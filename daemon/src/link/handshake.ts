import { arch, hostname, platform } from 'node:os'
import { limits } from '@codegen/protocol/limits'
import type { ToolDefinition } from '@codegen/protocol/tool'
import { protocolVersion } from '@codegen/protocol/wire'
import type { Handshake, ProjectSpec } from '@codegen/protocol/wire'

/** The name codegend gives itself. */
const clientType = 'codegend'

/** What a server of level 1 is told. Projects are told of with each run. */
export function toHandshake(self: {
  executorId: string
  epoch: number | undefined
  journalId: string
  version: string
  toolNames: readonly string[]
  customTools: readonly ToolDefinition[]
  openToolIds: readonly string[]
}): Handshake {
  const { executorId, epoch, journalId, version, toolNames, customTools, openToolIds } = self
  return {
    client_type: clientType,
    initial_prompt: '',
    known_tools: toKnown(toolNames, customTools),
    custom_tools: [...customTools],
    project_spec: { content: '', file_paths: [] },
    protocol: { version: protocolVersion, features: [] },
    executor: {
      id: executorId,
      ...(epoch === undefined ? {} : { epoch }),
      journal_id: journalId,
      name: hostname().slice(0, 200),
      version,
      os: platform(),
      arch: arch(),
    },
    open: openToolIds.slice(0, openMax),
    limits: { max_message_bytes: limits.messageBytesMax, max_parallel_tools: limits.parallelToolsMax },
  }
}

/** What the wire takes of open calls. */
const openMax = 10_000

/** What a server that speaks only the founding document's messages is told: the run's prompt is in it. */
export function toSeedHandshake(run: {
  prompt: string
  toolNames: readonly string[]
  customTools: readonly ToolDefinition[]
  projectSpec: ProjectSpec
}): Handshake {
  const { prompt, toolNames, customTools, projectSpec } = run
  return {
    client_type: clientType,
    initial_prompt: prompt,
    known_tools: toKnown(toolNames, customTools),
    custom_tools: [...customTools],
    project_spec: projectSpec,
  }
}

/** Every name a server is told of: built-ins in our order, then what plugins offer. */
export function toKnown(toolNames: readonly string[], customTools: readonly ToolDefinition[]): string[] {
  return [...new Set([...toolNames, ...customTools.map(({ name }) => name)])]
}
