/** One event as a viewer was given it. */
export type Seen = { readonly id: string; readonly type: string; readonly text: string }

/** What a viewer was given, held against what it may rely on: every fact once and in order, and nothing older than what it has. */
export type EventOrder = {
  /** The last id, to go on from. */
  last(): string | undefined
  take(event: Seen): void
  readonly facts: ReadonlyMap<number, string>
  readonly faults: { missing: number; doubled: number; disordered: number }
  isEnded(): boolean
  /** What went wrong, for whoever looks for the reason. */
  readonly notes: string[]
}

export function createEventOrder(): EventOrder {
  const facts = new Map<number, string>()
  const faults = { missing: 0, doubled: 0, disordered: 0 }
  const notes: string[] = []
  let last: Place | undefined
  let lastId: string | undefined
  let isEnded = false

  const note = (fault: keyof typeof faults, count: number, text: string): void => {
    faults[fault] += count
    notes.push(text)
  }
  return {
    facts,
    faults,
    notes,
    last: () => lastId,
    isEnded: () => isEnded,
    take({ id, type, text }) {
      const at = parse(id)
      const before = last ?? { position: 0, k: 0 }
      const place = `${type} ${id} came after ${lastId ?? 'nothing'}`
      if (last && !isAfter(at, last)) {
        const isKnown = at.k === 0 ? facts.has(at.position) : id === lastId
        return note(isKnown ? 'doubled' : 'disordered', 1, place)
      }
      // A decoration whose fact was not shown: that fact can only come too late.
      const expected = before.position + (at.k === 0 ? 1 : 0)
      if (at.position > expected) note('missing', at.position - expected, place)
      last = at
      lastId = id
      if (at.k === 0) facts.set(at.position, text)
      if (type === 'run_finished') isEnded = true
    },
  }
}

type Place = { readonly position: number; readonly k: number }

function parse(id: string): Place {
  const [position = 0, k = 0] = id.split('-').map(Number)
  return { position, k }
}

function isAfter(a: Place, b: Place): boolean {
  return a.position > b.position || (a.position === b.position && a.k > b.k)
}
