import type { TSchema } from 'typebox'
import { Type } from 'typebox'
import { EventId } from '#ids'
import { DaemonStatus } from '#local/daemon'
import { LogLine } from '#local/logs'
import { PluginsList } from '#local/plugins'
import { RunGet } from '#local/run'
import { ToolOutcome, ToolOutput, ToolsList } from '#local/tools'
import { Check } from '#wire/check'
import { builtInTools } from '#built-in'
import { clientMethods, daemonMethods, notifications } from '#local'
import type { Method } from '#local'
import { ToolDefinition } from '#tool'
import { ChecksSchema, executorMessages, maestroMessages, protocolVersion, runDecorations, runFacts } from '#wire'

/** A JSON Schema as it is published, without what it says to people. */
export type PublishedSchema = { readonly $id: string; readonly title: string } & Readonly<Record<string, unknown>>

/**
 * Every schema that other programs may rely on, by the name of its file below `schemas/v1/`: whole frames of both directions, a run's events, a tool's
 * announcement, the built-ins' parameters, and parameters and result of each local method.
 */
export function publishedSchemas(): ReadonlyMap<string, PublishedSchema> {
  const entries = [
    ...executorMessages.map((message) => frameSchema('executor', message)),
    ...maestroMessages.map((message) => frameSchema('maestro', message)),
    ...[...runFacts, ...runDecorations].map((message) => frameSchema('events', message)),
    publish('http/checks', 'checks', { ...ChecksSchema }),
    ...jsonLines().map(([name, description, schema]) =>
      publish(`cli/${name}`, `codegen ${name}`, { description, ...schema }),
    ),
    publish('tools/definition', 'tool definition', { ...ToolDefinition }),
    ...builtInTools.map((tool) => publish(`built-in/${tool.name}`, tool.name, { ...tool.parameters })),
    ...daemonMethods.map((method) => methodSchema('to-daemon', method)),
    ...clientMethods.map((method) => methodSchema('to-client', method)),
    ...notifications.map((notification) => methodSchema('notifications', notification)),
  ]
  return new Map(entries)
}

/** What `codegen ... --json` prints: one object a line. */
function jsonLines(): [name: string, description: string, schema: TSchema][] {
  return [
    [
      'run',
      'A line of `codegen --json "prompt"`, `attach --json` and `log --json`: an event of the run; the last line is `run_finished`.',
      runLine(),
    ],
    ['runs', 'A line of `codegen runs --json`: one run.', RunGet.result],
    ['status', 'The line of `codegen status --json`.', DaemonStatus.result],
    ['tools', 'A line of `codegen tools --json`: one tool.', ToolsList.result.properties.tools.items],
    [
      'tools-call',
      'A line of `codegen tools call --json`: a piece of output; the last line is `tool_result`.',
      toolCallLine(),
    ],
    ['plugins', 'A line of `codegen plugins --json`: one plugin.', PluginsList.result.properties.plugins.items],
    ['doctor', 'A line of `codegen doctor --json`: one thing that was looked at.', Check],
    ['logs', "A line of `codegen logs --json`: one line of codegend's log.", LogLine],
  ]
}

function runLine(): TSchema {
  const events = [...runFacts, ...runDecorations]
  const event = (type: object, payload: object) => ({
    type: 'object',
    required: ['event_id', 'type', 'payload'],
    properties: { event_id: EventId, type, payload },
  })
  const withoutEvent = { type: 'object', required: ['status'], properties: { status: { type: 'string' } } }
  return Type.Unsafe({
    anyOf: [
      ...events.map(({ type, payload }) => event({ const: type }, payload)),
      // There may be new ones at any time; a reader passes over those it does not know.
      event({ type: 'string', not: { enum: events.map(({ type }) => type) } }, { type: 'object' }),
      // A run that was refused, or whose last event was lost on its way, ends all the same.
      {
        type: 'object',
        required: ['type', 'payload'],
        properties: { event_id: false, type: { const: 'run_finished' }, payload: withoutEvent },
      },
    ],
  })
}

function toolCallLine(): TSchema {
  const { client_ref: _reference, ...output } = ToolOutput.properties
  const line = (type: string, payload: TSchema) => Type.Object({ type: Type.Literal(type), payload })
  const error = Type.Object({ code: Type.String(), message: Type.String() })
  return Type.Union([
    line('tool_output_delta', Type.Object(output)),
    line('tool_result', ToolOutcome),
    // Nothing was run, or nobody was there to tell how it ended.
    line('tool_result', Type.Object({ status: Type.Enum(['refused', 'cancelled']), tool_name: Type.String(), error })),
  ])
}

function frameSchema(folder: string, message: { type: string; payload: TSchema }): [string, PublishedSchema] {
  const properties = { type: { const: message.type }, payload: message.payload }
  return publish(`${folder}/${message.type}`, message.type, {
    type: 'object',
    required: ['type', 'payload'],
    properties,
  })
}

type AnyMethod = Pick<Method, 'method' | 'parameters'> & { readonly result?: TSchema }

function methodSchema(folder: string, { method, parameters, result }: AnyMethod): [string, PublishedSchema] {
  const file = method.replace('$/', '').replace('/', '-')
  return publish(`local/${folder}/${file}`, method, { $defs: { parameters, ...(result ? { result } : {}) } })
}

function publish(file: string, title: string, schema: object): [string, PublishedSchema] {
  return [file, { $id: `urn:codegen:protocol:${protocolVersion}:${file}`, title, ...schema }]
}
