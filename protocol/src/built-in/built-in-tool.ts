import type { TObject } from 'typebox'
import type { ToolAnnotations } from '#tool'

/** A built-in's definition; plugin and toolbelt both take it from here. */
export type BuiltInTool<Parameters extends TObject = TObject> = {
  readonly name: string
  readonly description: string
  readonly parameters: Parameters
  readonly annotations: ToolAnnotations
}

/** Names a built-in without losing the type of its parameters. */
export function builtInTool<Parameters extends TObject>(tool: BuiltInTool<Parameters>): BuiltInTool<Parameters> {
  return tool
}
