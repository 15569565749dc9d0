/** What is used of a page's nodes: the types of a browser's are not those of this program. */
export type PageNode = {
  readonly nodeType: number
  readonly nodeName: string
  nodeValue: string | null
  readonly parentNode: PageNode | null
  readonly firstChild: PageNode | null
  readonly nextSibling: PageNode | null
  remove(): void
}

export type PageElement = PageNode & {
  getAttribute(name: string): string | null
  setAttribute(name: string, value: string): void
  removeAttribute(name: string): void
  querySelector(selector: string): PageElement | null
  closest(selector: string): PageElement | null
}

/** A whole page. */
export type Page = PageNode & { querySelector(selector: string): (PageElement & { textContent: string }) | null }

export function isElement(node: PageNode): node is PageElement {
  return node.nodeType === 1
}

export function isText(node: PageNode): boolean {
  return node.nodeType === 3
}
