import type { RunMode } from '@codegen/protocol/wire'
import type { RemoteRoot } from '#config'
import { isInside } from '#is-inside'

/** What is known of a call when it is decided. Nothing here was said by the server but what it asks for, and that it wants a question. */
export type CallToDecide = {
  readonly mode: RunMode
  readonly toolName: string
  readonly readOnly: boolean
  /** Its plugin does not come with codegend, so that what it says of itself is not taken at its word. */
  readonly foreign: boolean
  /** What it says of itself is made true by what it is given. Of a server of others it is but a word. */
  readonly held: boolean
  /** It sends something to the world outside, if only an address, so that reading gives away what was read before. */
  readonly reachesOut: boolean
  /** It reads what is the owner's and no project's. */
  readonly personal: boolean
  /** It is one of the four calls every run begins with, parameter for parameter. */
  readonly bootstrap: boolean
  /** It would write what decides what runs later. */
  readonly protectedPath: boolean
  /** The owner said "always" to this tool in this run. */
  readonly granted: boolean
  /** The server asks for a question. */
  readonly askWanted: boolean
}

export type Decision =
  | { readonly kind: 'allow' }
  /** `lasting`: "always" would cover the same call the next time. */
  | { readonly kind: 'ask'; readonly lasting: boolean }
  | { readonly kind: 'deny'; readonly reason: string }

const allow: Decision = { kind: 'allow' }
const ask: Decision = { kind: 'ask', lasting: true }
const askEachTime: Decision = { kind: 'ask', lasting: false }

/**
 * Whether a run that was not started from this machine may work here, and how much is asked in it: only in a folder its owner listed for that. Of folders
 * inside one another the innermost counts; what the server asks for can only make it stricter. All paths are real.
 */
export function decideRun(run: {
  root: string | undefined
  askedMode: RunMode
  remoteRoots: readonly RemoteRoot[]
}): { kind: 'allow'; root: string; mode: RunMode } | { kind: 'deny'; reason: string } {
  const { root, askedMode } = run
  const listed = root === undefined ? [] : run.remoteRoots.filter(({ path }) => isInside(path, root))
  const innermost = listed.toSorted((a, b) => b.path.length - a.path.length)[0]
  if (root !== undefined && innermost) return { kind: 'allow', root, mode: stricter(innermost.mode, askedMode) }
  return deny(
    'This run was not started from this machine, and its owner lists no folder for such runs that holds the one it asks for (remoteRoots in config.json).',
  )
}

/** The one place that decides whether a call may run. What the server says can only make it stricter. */
export function decide(call: CallToDecide): Decision {
  if (call.bootstrap) return allow
  if (call.foreign) return decideForeign(call)
  if (call.personal) return askEachTime
  if (call.readOnly && !call.reachesOut) return call.askWanted && call.mode === 'ask' ? askEachTime : allow
  if (call.mode === 'read-only' && !call.readOnly)
    return deny(`This run may only read; ${call.toolName} is not allowed in it.`)
  if (call.mode === 'auto') return decideUnattended(call)
  if (call.protectedPath || call.askWanted) return askEachTime
  return call.granted ? allow : ask
}

/**
 * A tool that says it only reads gets no hands to write with, which is enough where its owner wants no questions. One that nothing holds to that is asked about even so,
 * in every mode.
 */
function decideForeign(call: CallToDecide): Decision {
  if (call.mode === 'read-only' && !call.readOnly)
    return deny(`This run may only read; ${call.toolName} is not allowed in it.`)
  if (call.askWanted) return askEachTime
  if (call.mode === 'auto' && call.readOnly && call.held) return allow
  return call.granted ? allow : ask
}

/** Nobody was promised a question here, so what would need one is refused, unless the server wants one. */
function decideUnattended(call: CallToDecide): Decision {
  if (call.askWanted) return askEachTime
  if (!call.protectedPath) return allow
  return deny('This path decides what runs later, so writing it needs the owner to be asked; this run asks nothing.')
}

/** From the strictest on. */
const modes: readonly RunMode[] = ['read-only', 'ask', 'auto']

function stricter(one: RunMode, other: RunMode): RunMode {
  return modes.indexOf(one) < modes.indexOf(other) ? one : other
}

function deny(reason: string): Decision & { kind: 'deny' } {
  return { kind: 'deny', reason }
}
