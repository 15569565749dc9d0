import { definePlugin, defineTool } from '@codegen/kit'
import { GetWorkingDirectory } from '@codegen/protocol/built-in'

export default definePlugin([defineTool(GetWorkingDirectory, (_parameters, context) => context.cwd)])
