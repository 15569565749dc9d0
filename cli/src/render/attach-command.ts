import { toOneLine } from './visible.ts'

const idCharactersMax = 64

/** What to type in another terminal to see a run and to answer its questions. */
export function toAttachCommand(generationId: string): string {
  return `codegen attach ${toOneLine(generationId, idCharactersMax)}`
}
