import type { ToolReturn } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'

/** What a server answered to a call, as text for the model. What is no text is told as what it is. Fails with tool.failed for what is no answer. */
export function toToolReturn(tool: string, result: unknown): ToolReturn {
  if (!isRecord(result)) throw new Failure('tool.failed', `${tool}: the server's answer is none.`)
  const { content = [], structuredContent, isError } = result
  if (!Array.isArray(content)) throw new Failure('tool.failed', `${tool}: the server's answer has no content.`)
  const texts = content.map(toText)
  const shown = texts.length === 0 && structuredContent !== undefined ? [JSON.stringify(structuredContent)] : texts
  return {
    text: shown.join('\n'),
    ...(structuredContent === undefined ? {} : { structured: structuredContent }),
    ...(isError === true ? { isError: true } : {}),
  }
}

function toText(block: unknown): string {
  if (!isRecord(block)) return '[something that is no content]'
  const { type, text, data, uri } = block
  if (type === 'text' && typeof text === 'string') return text
  if ((type === 'image' || type === 'audio') && typeof data === 'string') {
    return `[${type}: ${word(block['mimeType'])}, ${bytesIn(data)} bytes]`
  }
  if (type === 'resource_link') return `[link: ${word(uri)}${labels(block)}]`
  if (type === 'resource' && isRecord(block['resource'])) return toResource(block['resource'])
  return `[${word(type)}: a kind of content that cannot be shown]`
}

function toResource({ uri, mimeType, text, blob }: Readonly<Record<string, unknown>>): string {
  if (typeof text === 'string') return `[resource: ${word(uri)}]\n${text}`
  if (typeof blob === 'string') return `[resource: ${word(uri)}, ${word(mimeType)}, ${bytesIn(blob)} bytes]`
  return `[resource: ${word(uri)}]`
}

function labels({ name, mimeType }: Readonly<Record<string, unknown>>): string {
  return [name, mimeType].flatMap((label) => (typeof label === 'string' ? [`, ${word(label)}`] : [])).join('')
}

function word(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 2_000) : 'unknown'
}

/** Of base64. */
function bytesIn(data: string): number {
  const padding = data.endsWith('==') ? 2 : data.endsWith('=') ? 1 : 0
  return Math.max(0, Math.floor((data.length * 3) / 4) - padding)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
