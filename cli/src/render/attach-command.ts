import { limits } from '#limits'
import { toOneLine } from './visible.ts'

/** What to type in another terminal to see a run and to answer its questions. */
export function toAttachCommand(generationId: string): string {
  return `codegen attach ${toOneLine(generationId.slice(0, limits.idCharactersShown), limits.idCharactersShown)}`
}
