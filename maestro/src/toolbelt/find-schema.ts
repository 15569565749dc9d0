/**
 * The schema that a reference within `root` comes to in the end (`#`, or a JSON pointer behind it). Undefined when it leads out of this document, to nothing, or
 * only in a circle.
 */
export function findSchema(root: object, reference: string): unknown {
  const seen = new Set<unknown>()
  for (let next: unknown = reference; ;) {
    const found = typeof next === 'string' ? followPointer(root, next) : undefined
    if (found === undefined || seen.has(found)) return undefined
    seen.add(found)
    if (!isObject(found) || !Object.hasOwn(found, '$ref')) return found
    next = found['$ref']
  }
}

function followPointer(root: object, reference: string): unknown {
  if (reference === '#') return root
  if (!reference.startsWith('#/')) return undefined
  let place: unknown = root
  for (const step of stepsOf(reference)) {
    if (typeof place !== 'object' || place === null || !Object.hasOwn(place, step)) return undefined
    place = new Map(Object.entries(place)).get(step)
  }
  return typeof place === 'object' || typeof place === 'boolean' ? (place ?? undefined) : undefined
}

function stepsOf(reference: string): string[] {
  try {
    const steps = decodeURIComponent(reference.slice(2)).split('/')
    return steps.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
  } catch {
    // Not even written as a reference is: nothing has this name.
    return [reference]
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
