import { definePlugin, defineTool, toBytes } from '@codegen/kit'
import type { CallTouches, ToolContext, ToolPreview, ToolReturn } from '@codegen/kit'
import { Clipboard } from '@codegen/protocol/built-in'
import type { ClipboardParameters } from '@codegen/protocol/built-in'
import { Failure } from '@codegen/protocol/failure'

export default definePlugin([defineTool(Clipboard, useClipboard, { preview: previewUse, touches })])

async function useClipboard(parameters: ClipboardParameters, { clipboard }: ToolContext): Promise<ToolReturn> {
  if (parameters.action === 'read') {
    const text = await clipboard.read()
    return text === '' ? 'The clipboard is empty.' : `The clipboard holds ${toBytes(Buffer.byteLength(text))}:\n${text}`
  }
  const text = textToWrite(parameters)
  await clipboard.write(text)
  return `Wrote ${toBytes(Buffer.byteLength(text))} to the clipboard.`
}

async function previewUse(parameters: ClipboardParameters): Promise<ToolPreview> {
  if (parameters.action === 'read') return { command: 'read what is on the clipboard and show it to the model' }
  return { command: `replace what is on the clipboard by:\n${textToWrite(parameters)}` }
}

/** Passwords are copied. What is written there is the model's own. */
function touches({ action }: ClipboardParameters): CallTouches {
  return { personal: action === 'read' }
}

function textToWrite({ text }: ClipboardParameters): string {
  if (text !== undefined) return text
  throw new Failure('tool.bad_arguments', 'Clipboard: "text" is missing; to write takes the text to write.')
}
