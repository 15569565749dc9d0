import type { Markdown } from '@codegen/kit'
import { parseHTML } from 'linkedom'
import TurndownService from 'turndown'
import { limits } from '#limits'
import type { Page, PageElement } from './page-node.ts'
import { tidyPage } from './tidy-page.ts'
import type { UnreadPage } from './to-markdown.ts'

/** A page's Markdown; the contract is that of `ToMarkdown`. Takes whatever memory and time the page demands. */
export function pageToMarkdown({ html, baseUrl, charactersMax }: UnreadPage): Markdown {
  const source = html.slice(0, endOfSource(html))
  const page = parsePage(source)
  const title = toOneLine(page.querySelector('title')?.textContent ?? '').slice(0, titleCharactersMax)
  const isCut = tidyPage(page, { baseUrl, charactersMax })
  const whole = createTurndown()
    .turndown(toElement(page))
    .replaceAll(/\n\s*\n\s*\n+/g, '\n\n')
  const text = whole.slice(0, charactersMax)
  return {
    title: title.toWellFormed(),
    text: text.toWellFormed(),
    cut: isCut || whole.length > charactersMax || source.length < html.length,
  }
}

const titleCharactersMax = 200

/** Each element costs the parser more than a page of text does. */
function endOfSource(html: string): number {
  const tag = /<[a-z]/gi
  for (let tags = 0; tags < limits.pageTagsMax; tags += 1) if (!tag.test(html)) return html.length
  return tag.lastIndex - 2
}

function parsePage(html: string): Page {
  // A document type can neither be read nor taken out; without this element the library takes the first one for the whole page.
  const plain = html.replaceAll(/<!doctype[^>]{0,1000}>/gi, '')
  const whole = /<html[\s>]/i.test(plain) ? plain : `<html><body>${plain}</body></html>`
  // oxlint-disable-next-line typescript/no-unsafe-assignment -- its types are a browser's, which this program does not have
  const { document }: { document: Page } = parseHTML(whole)
  return document
}

function createTurndown(): TurndownService {
  const service = new TurndownService({ headingStyle: 'atx', bulletListMarker: '-', codeBlockStyle: 'fenced' })
  // A model reads it; nobody makes HTML of it again.
  service.escape = (text) => text
  service.addRule('picture', { filter: 'img', replacement: (_, node) => toOneLine(read(node, 'alt')) })
  service.addRule('code', { filter: 'pre', replacement: (_, node) => toFence(node) })
  const lists = new WeakMap<object, number>()
  service.addRule('item', { filter: 'li', replacement: (content, node) => toItem(content, node, lists) })
  const tables = new WeakMap<object, boolean>()
  service.addRule('cell', {
    filter: ['th', 'td'],
    replacement: (content, node) =>
      isGrid(node, tables) ? `| ${toOneLine(content).replaceAll('|', '\\|')} ` : `\n\n${content}\n\n`,
  })
  service.addRule('row', {
    filter: 'tr',
    replacement: (content, node) => (isGrid(node, tables) ? toRow(content, node) : content),
  })
  service.addRule('table', { filter: 'table', replacement: (content) => `\n\n${content}\n\n` })
  return service
}

function read(node: unknown, attribute: string): string {
  return toElement(node).getAttribute(attribute) ?? ''
}

function toElement(node: unknown): PageElement & { textContent: string; children: Iterable<unknown> } {
  // oxlint-disable-next-line typescript/no-unsafe-return -- these libraries' types are a browser's, which this program does not have
  return Object(node)
}

function toOneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}

function toFence(node: unknown): string {
  const code = toElement(node).textContent.replace(/^\n/, '').trimEnd()
  const fence = code.includes('```') ? '~~~~' : '```'
  return `\n\n${fence}\n${code}\n${fence}\n\n`
}

/** Numbered by counting, where the library looks each item up in its list. */
function toItem(content: string, node: unknown, lists: WeakMap<object, number>): string {
  const list = toElement(node).parentNode ?? toElement(node)
  const start = list.nodeName === 'OL' ? Number(read(list, 'start') || 1) : 1
  const number = lists.get(list) ?? start
  lists.set(list, number + 1)
  const mark = list.nodeName === 'OL' ? `${number}. ` : '- '
  return `${mark}${content.trim().replaceAll('\n', `\n${' '.repeat(mark.length)}`)}\n`
}

/** Whether the table around a cell or row is one of short entries; tables that lay out a page hold blocks. */
function isGrid(node: unknown, known: WeakMap<object, boolean>): boolean {
  const table = toElement(node).closest('table')
  if (!table) return false
  const grid = known.get(table) ?? !table.querySelector('table, pre, ul, ol, h1, h2, h3, h4, blockquote')
  known.set(table, grid)
  return grid
}

function toRow(content: string, node: unknown): string {
  const row = toElement(node)
  const line = `${content.replaceAll('\n', '')}|\n`
  if (row.closest('table')?.querySelector('tr') !== row) return line
  return `${line}${'| --- '.repeat([...row.children].length)}|\n`
}
