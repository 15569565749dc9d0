import { stripControls } from '@codegen/kit/strip-controls'
import { Failure } from '@codegen/protocol/failure'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { limits } from '#limits'
import type { HookName } from '#plugin-process/runner-messages'

export type HookAnswer =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'refuse'; readonly reason: string }
  | { readonly kind: 'note'; readonly text: string }

// Nothing beside: a word that is misspelled is no yes.
const alone = { additionalProperties: false }
const refusal = Compile(Type.Object({ refuse: Type.String() }, alone))
const note = Compile(Type.Object({ note: Type.String() }, alone))

/** Reads what a hook answered; its words are bounded, and without controls. Fails with plugin.broken for what is no answer. */
export function parseHookAnswer(hook: HookName, answered: unknown): HookAnswer {
  if (answered === null) return { kind: 'nothing' }
  if (note.Check(answered)) return { kind: 'note', text: toWords(answered.note) }
  if (hook === 'beforeTool' && refusal.Check(answered)) return { kind: 'refuse', reason: toWords(answered.refuse) }
  const fits = hook === 'beforeTool' ? 'nothing, { refuse } or { note }' : 'nothing or { note }'
  throw new Failure('plugin.broken', `it answered neither ${fits}; its author has to mend that.`)
}

function toWords(text: string): string {
  return stripControls(text.slice(0, limits.hookNoteCharactersMax)).toWellFormed().trim()
}
