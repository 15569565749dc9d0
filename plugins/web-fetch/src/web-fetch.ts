import { definePlugin, defineTool, shownPath, toBytes, toDigits } from '@codegen/kit'
import type { FetchResult, ToolContext, ToolPreview, ToolReturn } from '@codegen/kit'
import { WebFetch } from '@codegen/protocol/built-in'
import type { WebFetchParameters } from '@codegen/protocol/built-in'
import { Failure } from '@codegen/protocol/failure'
import { limits } from './limits.ts'
import { markOutside } from './mark-outside.ts'
import { readBody } from './read-body.ts'
import type { Body } from './read-body.ts'

export default definePlugin([defineTool(WebFetch, fetchPage, { preview: previewFetch })])

/** One line on what was answered, then the page between two lines that mark it as content from outside. */
async function fetchPage({ url }: WebFetchParameters, context: ToolContext): Promise<ToolReturn> {
  const page = await context.fetch(url, {
    timeoutMs: limits.fetchMsMax,
    decodedBytesMax: limits.pageBytesMax,
    redirectsMax: limits.redirectsMax,
  })
  const body = readBody(page)
  const shown = await show(body, page, context)
  const text = `${summaryOf(page, body, shown)}\n${markOutside(shown.text, crypto.randomUUID())}`
  return {
    text: shown.text === '' ? summaryOf(page, body, shown) : text,
    structured: { kind: 'page', url: page.url, status: page.status, content_type: body.type },
    isError: page.status >= 400,
    truncated: shown.cut || page.truncated,
    ...(page.truncated ? {} : { bytesTotal: page.bytes.length }),
  }
}

/** The address as it will be asked for. A user name in it is never shown: it will be refused. */
async function previewFetch({ url }: WebFetchParameters): Promise<ToolPreview> {
  const parsed = URL.parse(url)
  if (!parsed) return { url }
  parsed.username = ''
  parsed.password = ''
  return { url: parsed.href }
}

type Shown = { readonly text: string; readonly cut: boolean }

async function show(body: Body, { url, bytes, truncated }: FetchResult, context: ToolContext): Promise<Shown> {
  if (body.kind === 'binary') {
    const size = `${truncated ? 'more than ' : ''}${toBytes(bytes.length)}`
    const what = body.type === '' ? 'is not text' : `is ${body.type}, not text`
    const message = `What ${shownPath(url)} answered ${what} (${size}). Use Shell with curl to keep it in a file.`
    throw new Failure('fetch.unreadable', message)
  }
  if (body.kind === 'text') return cut(body.text)
  const {
    title,
    text,
    cut: isCut,
  } = await context.toMarkdown(body.text, {
    baseUrl: url,
    charactersMax: limits.charactersMax,
  })
  return { text: title === '' ? text : `Title: ${title}\n\n${text}`, cut: isCut }
}

function cut(text: string): Shown {
  const { charactersMax } = limits
  return { text: text.slice(0, charactersMax).toWellFormed(), cut: text.length > charactersMax }
}

function summaryOf({ url, status, bytes, truncated }: FetchResult, { kind, type }: Body, shown: Shown): string {
  const parts = [type, toBytes(bytes.length), ...(kind === 'html' ? ['as Markdown'] : [])].filter((part) => part !== '')
  const answered = `${shownPath(url)} answered ${status}: ${parts.join(', ')}.`
  if (shown.text.trim() === '') return `${answered} There is no text in it.`
  const notes = [
    ...(truncated ? ['It is longer than that; the rest was not read.'] : []),
    ...(shown.cut ? [`Only the first ${toDigits(limits.charactersMax)} characters of its text are shown.`] : []),
  ]
  return [answered, ...notes].join(' ')
}
