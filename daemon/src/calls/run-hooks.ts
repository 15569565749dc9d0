import type { HookedCall, HookedResult } from '@codegen/kit'
import { limits } from '#limits'
import type { HookNote, Judgement, ToolHooks } from '#plugins/tool-hooks'
import { addNotes } from './add-notes.ts'
import { cutMiddle } from './bound-result.ts'
import type { Ending } from './ending.ts'
import type { PreparedCall } from './prepared-call.ts'

/** What plugins say to a call before it runs; undefined where none has to be asked. */
export function judgeCall(prepared: PreparedCall, hooks: ToolHooks): Promise<Judgement> | undefined {
  return hooks.before(prepared.tool.name, prepared.run.root)?.(toHooked(prepared), prepared.cancelled)
}

/** Tells plugins how a call ended, and adds what they say to it. What was ended from outside has no time left to wait for them. Undefined where there is nothing to add or tell. */
export function noteEnd(
  prepared: PreparedCall,
  ended: { ending: Ending; notes: readonly HookNote[] },
  hooks: ToolHooks,
): Promise<Ending> | undefined {
  const tell = hooks.after(prepared.tool.name, prepared.run.root)
  const { ending, notes } = ended
  if (!tell && notes.length === 0) return undefined
  const enough = stoppedWords.has(ending.status) ? AbortSignal.abort() : prepared.cancelled
  const told = tell?.(toHooked(prepared), toHookedResult(ending), enough) ?? Promise.resolve([])
  return told.then((more) => addNotes(ending, [...notes, ...more]))
}

const stoppedWords = new Set<Ending['status']>(['timeout', 'cancelled', 'interrupted'])

function toHooked({ call, run, tool, source, cwd }: PreparedCall): Omit<HookedCall, 'dataDir'> {
  const { tool_id: toolId, parameters } = call
  const { generationId, root: workspaceRoot, mode } = run
  return { toolId, generationId, tool: tool.name, source, parameters, cwd, workspaceRoot, mode }
}

function toHookedResult({ status, result }: Ending): HookedResult {
  const text = typeof result === 'string' ? result : JSON.stringify(result)
  const { hookedTextCharactersMax: most } = limits
  return { status, isError: status !== 'success', text: text.length > most ? cutMiddle(text, most) : text }
}
