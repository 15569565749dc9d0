import { builtInTools } from '@codegen/protocol/built-in'
import { Failure } from '@codegen/protocol/failure'
import { limits as protocolLimits } from '@codegen/protocol/limits'
import { ToolDefinition } from '@codegen/protocol/tool'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { limits } from '#limits'

const validator = Compile(Type.Array(ToolDefinition, { maxItems: limits.pluginToolsMax }))
const builtInNames = new Set<string>(builtInTools.map(({ name }) => name))

/** Reads what a plugin says its tools are. Fails with plugin.broken, naming the tool and what is wrong with it. */
export function parseTools(described: unknown): readonly ToolDefinition[] {
  if (!validator.Check(described)) {
    const [first] = validator.Errors(described)
    const path = first?.instancePath.slice(1).replaceAll('/', '.')
    throw broken(path ? `tools.${path}` : 'its tools', first?.message ?? 'cannot be used')
  }
  const names = new Set<string>()
  for (const tool of described) {
    if (builtInNames.has(tool.name)) throw broken(tool.name, 'is the name of a tool that comes with CodeGen')
    if (names.has(tool.name)) throw broken(tool.name, 'is there twice')
    names.add(tool.name)
    checkSchema(tool)
  }
  return described.map(({ name, description, parameters, annotations, timeout_ms }) => ({
    name,
    description,
    parameters,
    ...(annotations ? { annotations } : {}),
    ...(timeout_ms === undefined ? {} : { timeout_ms }),
  }))
}

function checkSchema({ name, parameters }: ToolDefinition): void {
  const text = JSON.stringify(parameters)
  if (text.length > protocolLimits.customToolSchemaBytesMax) {
    throw broken(name, `has a schema of more than ${protocolLimits.customToolSchemaBytesMax} bytes`)
  }
  if (parameters['type'] !== 'object') throw broken(name, 'has a schema whose "type" is not "object"')
  checkReferences(name, parameters, 0)
  try {
    Compile(parameters)
  } catch (error) {
    throw broken(name, `has a schema that cannot be used: ${error instanceof Error ? error.message : 'unknown reason'}`)
  }
}

/** Nothing is fetched for a schema, and nothing in it goes round in a circle. */
function checkReferences(name: string, value: unknown, depth: number): void {
  if (depth > limits.pluginSchemaDepthMax) throw broken(name, 'has a schema that is nested too deep')
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    if (['$ref', '$dynamicRef', '$recursiveRef'].includes(key) && typeof inner === 'string') {
      throw broken(name, `has a schema with "${key}", which is not taken; write it out`)
    }
    checkReferences(name, inner, depth + 1)
  }
}

function broken(what: string, reason: string): Failure {
  return new Failure('plugin.broken', `${what} ${reason.slice(0, 300)}.`)
}
