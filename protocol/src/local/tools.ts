import { Type } from 'typebox'
import { ClientRef, ToolId } from '#ids'
import { limits } from '#limits'
import { JsonSchema, ToolAnnotations, ToolStatus } from '#tool'
import { RunMode } from '#wire/start-run'
import { ToolOutputDelta } from '#wire/tool-output-delta'
import { ToolResult } from '#wire/tool-result'
import { method } from './method.ts'

/** Every tool this daemon offers, in the order a model sees them; with `cwd` also those that are there for whoever works in that folder. */
export const ToolsList = method(
  'tools/list',
  { cwd: Type.Optional(Type.String({ minLength: 1, maxLength: 4096 })) },
  Type.Object({
    tools: Type.Array(
      Type.Object({
        name: Type.String(),
        description: Type.String(),
        parameters: Type.Optional(JsonSchema),
        annotations: Type.Optional(ToolAnnotations),
        source: Type.String(),
      }),
    ),
  }),
)

const { stream, chunk, offset } = ToolOutputDelta.payload.properties
const { generation_id: _generation, status: _status, ...ending } = ToolResult.payload.properties

/** How a call ended: what Maestro would be told of it. */
export const ToolOutcome = Type.Object({ tool_name: Type.String(), status: ToolStatus, ...ending })

/**
 * Runs one tool in `cwd`, which becomes its root, without a model and without Maestro: it is decided, asked for, bounded and written into the journal like
 * any other call. Answered when it has ended, whichever way; `tools/output` comes before that. Cancelled with the request, or when the client leaves. Calls
 * that write one file follow each other. Fails with tool.unknown, tool.bad_arguments or request.invalid; nothing was run then.
 */
export const ToolsCall = method(
  'tools/call',
  {
    name: Type.String({ minLength: 1, maxLength: 200 }),
    parameters: Type.Record(Type.String(), Type.Unknown()),
    cwd: Type.String({ minLength: 1, maxLength: 4096 }),
    mode: RunMode,
    timeout_ms: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.toolCallMsMax })),
    client_ref: ClientRef,
  },
  ToolOutcome,
)

/** daemon -> client: a piece of the output of a call this client asked for, named by its own `client_ref`. */
export const ToolOutput = Type.Object({ client_ref: ClientRef, tool_id: ToolId, stream, chunk, offset })
