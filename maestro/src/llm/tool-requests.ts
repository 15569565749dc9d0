import type { ToolRequest } from '#runs/tool-request'
import type { CallDelta } from './delta.ts'

/** Puts tool calls together from their pieces, whatever the server makes of index, id and name. */
export type ToolRequests = {
  /** True when the piece began a call. */
  add(piece: CallDelta): boolean
  /** In the order they began; each id is there and there once. */
  toRequests(): ToolRequest[]
}

export function createToolRequests(bounds: { requestsMax: number; idCharactersMax: number }): ToolRequests {
  const calls: Call[] = []
  const atIndex = new Map<number, Call>()

  return {
    add(piece) {
      const known = piece.index === undefined ? callWithId(calls, piece.id) : atIndex.get(piece.index)
      const call = known && !beginsAnother(known, piece) ? known : { id: '', name: '', arguments: '' }
      if (call !== known) calls.push(call)
      if (piece.index !== undefined) atIndex.set(piece.index, call)
      extend(call, piece)
      return call !== known
    },
    toRequests() {
      const real = calls.filter((call) => call.name !== '' || call.arguments !== '').slice(0, bounds.requestsMax)
      return withOwnIds(real, bounds.idCharactersMax)
    },
  }
}

type Call = { id: string; name: string; arguments: string }

/** Without an index a piece belongs to the call of its id, else to the newest. */
function callWithId(calls: readonly Call[], id: string): Call | undefined {
  return (id === '' ? undefined : calls.find((call) => call.id === id)) ?? calls.at(-1)
}

/**
 * Some servers give every call the index 0 or none, some repeat id and name in each piece, some invent a new id for each. Only a piece with a
 * name can begin a call; that it does is told by another id or, without ids, by another name or by arguments after complete ones.
 */
function beginsAnother(call: Call, piece: CallDelta): boolean {
  if (piece.name === '') return false
  if (piece.id !== '' && call.id !== '') return piece.id !== call.id
  if (piece.name !== call.name) return call.name !== '' && (piece.index === undefined || call.arguments !== '')
  return piece.arguments !== '' && isComplete(call.arguments)
}

function isComplete(text: string): boolean {
  if (!text.trimEnd().endsWith('}')) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function extend(call: Call, piece: CallDelta): void {
  if (call.id === '') call.id = piece.id
  // A name that is told again is the same name; another one before any argument is its next part.
  if (piece.name !== call.name) call.name += piece.name
  call.arguments += piece.arguments
}

function withOwnIds(calls: readonly Call[], idCharactersMax: number): ToolRequest[] {
  const taken = new Set<string>()
  return calls.map((call, position) => {
    const isUsable = call.id !== '' && call.id.length <= idCharactersMax && /^[\x21-\x7e]+$/.test(call.id)
    const wanted = isUsable ? call.id : `call_${position}`
    let id = wanted
    for (let copy = 2; taken.has(id); copy++) id = `${wanted}_${copy}`
    taken.add(id)
    return { id, name: call.name, arguments: call.arguments }
  })
}
