import { definePlugin, defineTool, shownPath } from '@codegen/kit'
import type { ToolContext, ToolPreview, ToolReturn } from '@codegen/kit'
import { Shell } from '@codegen/protocol/built-in'
import type { ShellParameters } from '@codegen/protocol/built-in'
import { limits as protocolLimits } from '@codegen/protocol/limits'
import { limits } from './limits.ts'
import { toResult } from './to-result.ts'

export default definePlugin([defineTool(Shell, runCommand, { preview: previewCommand })])

/** Runs the command and says how it ended. A command that ends with anything but exit code 0 is an error, whatever it printed. */
async function runCommand(parameters: ShellParameters, context: ToolContext): Promise<ToolReturn> {
  const { command, cwd, timeout_ms } = parameters
  const timeoutMs = Math.min(timeout_ms ?? protocolLimits.toolCallMsDefault, protocolLimits.toolCallMsMax)
  const result = await context.spawn(command, {
    ...(cwd === undefined ? {} : { cwd }),
    timeoutMs,
    charactersMax: limits.outputCharactersMax,
    onOutput: (chunk, stream) => context.output(chunk, stream),
  })
  return toResult(result, timeoutMs)
}

async function previewCommand({ command, cwd }: ShellParameters): Promise<ToolPreview> {
  return { command: cwd === undefined ? command : `${command}\n(in ${shownPath(cwd)})` }
}
