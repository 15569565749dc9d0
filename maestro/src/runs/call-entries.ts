import { Failure } from '@codegen/protocol/failure'
import { bootstrapCommands } from './bootstrap.ts'
import type { Drive } from './drive.ts'
import type { LogEntry } from './log-entry.ts'
import type { ToolRequest } from './tool-request.ts'
import { limits } from '@codegen/protocol/limits'

type CallSource = Pick<Drive, 'hands' | 'key' | 'ports' | 'dialect'>

/** The entries of the bootstrap: four calls, shown to the model as the first thing its assistant did. */
export function bootstrapEntries(source: CallSource): LogEntry[] {
  const calls = bootstrapCommands.map((command, index) => ({
    toolId: source.ports.mintId(),
    request: { id: `bootstrap_${index + 1}`, name: command.name, arguments: JSON.stringify(command.parameters) },
    parameters: { ...command.parameters },
  }))
  const shown = source.dialect.answer({ content: '', requests: calls.map((call) => call.request) })
  return calls.map((call, index) => ({
    fact: {
      type: 'tool_call',
      payload: {
        generation_id: source.key.generationId,
        tool_id: call.toolId,
        tool_name: call.request.name,
        parameters: call.parameters,
        bootstrap: true,
      },
    },
    shown: index === 0 ? shown : null,
    internal: {
      request_id: call.request.id,
      journal_id: source.hands.journalId,
      timeout_ms: limits.bootstrapCallMsMax,
    },
  }))
}

/** The entries of what an answer asked for: a call where it is right, an error for the model where it is not. */
export function requestEntries(drive: Drive): LogEntry[] {
  return drive.run.pendingRequests.map((request) => requestEntry(drive, request))
}

function requestEntry(drive: Drive, request: ToolRequest): LogEntry {
  const checked = drive.toolbelt.check(request)
  const toolId = drive.ports.mintId()
  const generation_id = drive.key.generationId
  if (checked.kind === 'call') {
    return {
      fact: {
        type: 'tool_call',
        payload: { generation_id, tool_id: toolId, tool_name: request.name, parameters: checked.parameters },
      },
      shown: null,
      internal: {
        request_id: request.id,
        journal_id: drive.hands.journalId,
        ...(checked.timeoutMs === undefined ? {} : { timeout_ms: checked.timeoutMs }),
      },
    }
  }
  const isGone = hasGone(drive, request)
  const { code, message } = isGone ? goneTool(drive, request) : checked.failure
  if (!isGone) drive.stopwatch.refused()
  return {
    fact: {
      type: 'tool_call_finished',
      payload: {
        generation_id,
        tool_id: toolId,
        tool_name: request.name.slice(0, 200),
        status: 'error',
        result: message,
        error: { code, message },
      },
    },
    shown: drive.dialect.result(request.id, message),
    // Whoever asks for what it was told of has made no mistake.
    internal: { request_id: request.id, ...(isGone ? {} : { wrong: true }) },
  }
}

/** The model was told of this tool, and its executor has taken it away since. */
function hasGone({ run, toolbelt }: Drive, { name }: ToolRequest): boolean {
  return run.offered?.tools.includes(name) === true && !toolbelt.names.includes(name)
}

function goneTool({ toolbelt }: Drive, { name }: ToolRequest): Failure {
  const message = `The tool "${name.slice(0, 100)}" is gone: it was taken away while you worked. There are: ${toolbelt.names.join(', ')}.`
  return new Failure('tool.unknown', message)
}
