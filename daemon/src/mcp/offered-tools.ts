import { Failure } from '@codegen/protocol/failure'
import { limits as protocolLimits } from '@codegen/protocol/limits'
import type { ToolAnnotations, ToolDefinition } from '@codegen/protocol/tool'
import { limits } from '#limits'
import { toOfferedNames } from './offered-names.ts'
import { toOfferedSchema } from './offered-schema.ts'

/** What is offered of a server: definitions, the server's own names of them, and in words what is left out and why. */
export type OfferedTools = {
  readonly tools: readonly ToolDefinition[]
  readonly originals: ReadonlyMap<string, string>
  readonly leftOut: readonly string[]
}

/** Takes what can be taken of what a server lists. One tool that cannot be offered takes no other with it. */
export function toOfferedTools(server: string, listed: readonly unknown[]): OfferedTools {
  const byName = new Map<string, Readonly<Record<string, unknown>>>()
  for (const tool of listed) {
    if (isRecord(tool) && typeof tool['name'] === 'string' && !byName.has(tool['name'])) byName.set(tool['name'], tool)
  }
  const names = toOfferedNames(server, [...byName.keys()])
  const tools: ToolDefinition[] = []
  const originals = new Map<string, string>()
  const reasons: string[] = []
  let bytes = 0
  for (const [original, tool] of byName) {
    try {
      if (tools.length >= limits.mcpToolsMax)
        throw new Failure('plugin.broken', `there are more than ${limits.mcpToolsMax}`)
      const definition = toDefinition(names.get(original) ?? '', tool)
      bytes += JSON.stringify(definition).length
      if (bytes > limits.mcpDefinitionsBytesMax)
        throw new Failure('plugin.broken', 'the server says more than a model has room for')
      tools.push(definition)
      originals.set(definition.name, original)
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      reasons.push(`${original.slice(0, 64)} is not offered: ${error.message}.`)
    }
  }
  return { tools, originals, leftOut: bounded(reasons) }
}

function toDefinition(name: string, tool: Readonly<Record<string, unknown>>): ToolDefinition {
  const { title, description, inputSchema, annotations } = tool
  const text = typeof description === 'string' ? description : typeof title === 'string' ? title : ''
  const parameters = toOfferedSchema(inputSchema)
  const marked = toAnnotations(annotations)
  return {
    name,
    description: cut(text),
    parameters,
    ...(Object.keys(marked).length > 0 ? { annotations: marked } : {}),
  }
}

const hints = [
  ['readOnlyHint', 'readOnly'],
  ['destructiveHint', 'destructive'],
  ['idempotentHint', 'idempotent'],
  ['openWorldHint', 'openWorld'],
] as const

function toAnnotations(annotations: unknown): ToolAnnotations {
  if (!isRecord(annotations)) return {}
  return Object.fromEntries(
    hints.flatMap(([hint, name]) => (typeof annotations[hint] === 'boolean' ? [[name, annotations[hint]]] : [])),
  )
}

function cut(text: string): string {
  const max = protocolLimits.toolDescriptionCharactersMax
  return (text.length > max ? `${text.slice(0, max - 1)}…` : text).toWellFormed()
}

function bounded(reasons: readonly string[]): string[] {
  const more = reasons.length - limits.mcpReasonsMax
  const shown = reasons.slice(0, limits.mcpReasonsMax)
  return more > 0 ? [...shown, `${more} more are not offered.`] : shown
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
