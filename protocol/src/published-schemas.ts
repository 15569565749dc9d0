import type { TSchema } from 'typebox'
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
    publish('tools/definition', 'tool definition', { ...ToolDefinition }),
    ...builtInTools.map((tool) => publish(`built-in/${tool.name}`, tool.name, { ...tool.parameters })),
    ...daemonMethods.map((method) => methodSchema('to-daemon', method)),
    ...clientMethods.map((method) => methodSchema('to-client', method)),
    ...notifications.map((notification) => methodSchema('notifications', notification)),
  ]
  return new Map(entries)
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
