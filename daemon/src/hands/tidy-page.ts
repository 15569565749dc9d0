import { limits } from '#limits'
import { isElement, isText } from './page-node.ts'
import type { Page, PageElement, PageNode } from './page-node.ts'

/**
 * Takes out of a page what is no text to read (scripts, styles, pictures, forms' fields), what it hides, and what comes after `charactersMax` characters;
 * makes its links whole. True when something was left out for want of room.
 */
export function tidyPage(page: Page, { baseUrl, charactersMax }: { baseUrl: string; charactersMax: number }): boolean {
  const room: Room = { characters: charactersMax, elements: limits.pageElementsMax }
  let isCut = false
  let place: Place | undefined = page.firstChild ? { node: page.firstChild, depth: 0 } : undefined
  while (place) {
    const { node } = place
    const isLeftOut = !isReadable(node)
    const fits: boolean = room.characters >= 0 && room.elements >= 0 && place.depth <= limits.pageDepthMax
    if (isLeftOut || !fits) {
      place = placeAfter(place, page)
      node.remove()
      isCut ||= !isLeftOut
    } else {
      take(node, room, baseUrl)
      place = node.firstChild ? { node: node.firstChild, depth: place.depth + 1 } : placeAfter(place, page)
    }
  }
  return isCut
}

type Room = { characters: number; elements: number }
type Place = { readonly node: PageNode; readonly depth: number }

/** What follows a node and all that is in it. */
function placeAfter({ node, depth }: Place, page: Page): Place | undefined {
  let above: PageNode | null = node
  for (let level = depth; above && above !== page; level -= 1) {
    if (above.nextSibling) return { node: above.nextSibling, depth: level }
    above = above.parentNode
  }
  return undefined
}

function take(node: PageNode, room: Room, baseUrl: string): void {
  if (!isElement(node)) {
    room.characters -= (node.nodeValue ?? '').trim().length + 1
    return
  }
  room.elements -= 1
  if (node.nodeName === 'A') wholeLink(node, baseUrl)
}

/** Elements that hold no text for readers. */
const unread = new Set([
  ...['HEAD', 'SCRIPT', 'STYLE', 'TEMPLATE', 'LINK', 'META', 'BASE', 'IFRAME', 'OBJECT', 'EMBED', 'SVG', 'CANVAS'],
  ...['AUDIO', 'VIDEO', 'MAP', 'INPUT', 'SELECT', 'TEXTAREA', 'FRAMESET', 'APPLET'],
])

function isReadable(node: PageNode): boolean {
  if (isElement(node)) return !unread.has(node.nodeName.toUpperCase()) && !isHidden(node)
  return isText(node)
}

/** As far as the element itself tells; what a style sheet hides is not known. */
function isHidden(element: PageElement): boolean {
  if (element.getAttribute('hidden') !== null || element.getAttribute('aria-hidden') === 'true') return true
  const style = element.getAttribute('style')
  return style !== null && hiding.test(style.replaceAll(/\/\*.*?\*\//gs, ''))
}

const hiding = new RegExp(
  `(?:^|;)\\s*(?:${[
    'display\\s*:\\s*none',
    'visibility\\s*:\\s*(?:hidden|collapse)',
    'color\\s*:\\s*transparent',
    '(?:opacity|font-size|max-height|max-width|height|width)\\s*:\\s*0*\\.?0+(?:px|pt|em|rem|%)?\\s*(?:!|;|$)',
    '(?:left|right|top|text-indent|margin-left)\\s*:\\s*-\\d{3}',
  ].join('|')})`,
  'i',
)

/** A link that leads nowhere a reader could follow stays as its text. */
function wholeLink(link: PageElement, baseUrl: string): void {
  const href = link.getAttribute('href')
  if (href === null) return
  link.removeAttribute('title')
  const url = href.length <= limits.pageLinkCharactersMax ? URL.parse(href, baseUrl) : null
  const leadsOn = url && /^(?:https?|mailto):$/.test(url.protocol) && !href.startsWith('#')
  if (leadsOn) link.setAttribute('href', url.href)
  else link.removeAttribute('href')
}
