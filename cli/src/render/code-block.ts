import { limits } from '#limits'

/** Code as it comes, shown as it is, to be copied; only what may be its last line is held. */
export type CodeBlock = {
  /** A piece of a line; `isWhole`: its last one. */
  add(piece: string, isWhole: boolean): { shown: string; isOver: boolean }
}

/** `fence` is what it began with: as many of the same marks, or more, end it. */
export function createCodeBlock(fence: string): CodeBlock {
  const mark = fence.charAt(0)
  /** The beginning of a line that may be the last; undefined within a line that is not. */
  let held: string | undefined = ''

  return {
    add(piece, isWhole) {
      const line = (held ?? '') + piece
      const mayEnd =
        held !== undefined && line.length <= limits.lineBeginningCharactersMax && isRunOf(line.trim(), mark)
      const isOver = isWhole && mayEnd && line.trim().length >= fence.length
      held = isWhole ? '' : undefined
      if (isWhole || !mayEnd) return { shown: line, isOver }
      held = line
      return { shown: '', isOver: false }
    },
  }
}

function isRunOf(text: string, character: string): boolean {
  for (const other of text) if (other !== character) return false
  return true
}
