/** Whether parts meet items one by one, an open part meeting any number of them. Only the last open part is ever taken back, which is enough. */
export function fits<Part, Item>(
  parts: readonly Part[],
  items: readonly Item[],
  how: { isOpen(part: Part): boolean; takes(part: Part, item: Item): boolean },
): boolean {
  let [part, item] = [0, 0]
  let open: { part: number; item: number } | undefined
  while (item < items.length) {
    const [current, next] = [parts[part], items[item]]
    if (current !== undefined && how.isOpen(current)) {
      open = { part, item }
      part++
    } else if (current !== undefined && next !== undefined && how.takes(current, next)) {
      part++
      item++
    } else if (open) {
      open.item++
      part = open.part + 1
      item = open.item
    } else return false
  }
  return parts.slice(part).every((left) => how.isOpen(left))
}
