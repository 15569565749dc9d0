import { collapseOverwrites, withoutOpenLine } from '@codegen/kit/strip-controls'
import { wholeCharacter } from './whole-character.ts'

/** Head and tail of a text of any length, in bounded memory. */
export type KeptOutput = {
  push(text: string): void
  /** Whether the head is complete, so that only the newest text can still be shown. */
  isHeadFull(): boolean
  /** Says that so many bytes came after the last push and will not be pushed; allowed once the head is full. */
  skip(bytes: number): void
  /** At most `charactersMax` characters in all; `bytesCut` is what lay between head and tail. Everything is in `head` when nothing was cut. */
  finish(): { head: string; tail: string; bytesCut: number }
}

/** How far a cut moves to fall on a line's end. */
const lineSearchCharacters = 1_000

/** Keeps the first and the last half of `charactersMax` characters, progress lines counted by their last state. */
export function createKeptOutput(charactersMax: number): KeptOutput {
  const half = Math.floor(charactersMax / 2)
  const gatheredMax = charactersMax * 2
  let head: string | undefined
  let recent = ''
  let bytesCut = 0

  function cutMiddle(): void {
    recent = collapseOverwrites(recent)
    if (head === undefined && recent.length <= charactersMax) return
    if (head === undefined) {
      const headEnd = wholeCharacter(recent, half, 'before')
      head = recent.slice(0, headEnd)
      recent = recent.slice(headEnd)
    }
    if (recent.length <= half) return
    const excess = wholeCharacter(recent, recent.length - half, 'after')
    bytesCut += Buffer.byteLength(recent.slice(0, excess))
    recent = recent.slice(excess)
  }

  return {
    push(text) {
      recent += text
      if (recent.length > gatheredMax) cutMiddle()
    },
    isHeadFull: () => head !== undefined,
    skip(bytes) {
      bytesCut += bytes + Buffer.byteLength(recent)
      recent = ''
    },
    finish() {
      recent = withoutOpenLine(collapseOverwrites(recent))
      cutMiddle()
      if (head === undefined) return { head: recent, tail: '', bytesCut: 0 }
      if (bytesCut === 0) return { head: head + recent, tail: '', bytesCut: 0 }
      const headEnd = lineEndBefore(head)
      const tailStart = lineStartAfter(recent)
      const bytesMoved = Buffer.byteLength(head.slice(headEnd)) + Buffer.byteLength(recent.slice(0, tailStart))
      return {
        head: head.slice(0, headEnd),
        tail: recent.slice(tailStart),
        bytesCut: bytesCut + bytesMoved,
      }
    },
  }
}

function lineEndBefore(head: string): number {
  const newline = head.lastIndexOf('\n')
  return newline >= head.length - lineSearchCharacters && newline > 0 ? newline + 1 : head.length
}

function lineStartAfter(tail: string): number {
  const newline = tail.indexOf('\n')
  return newline >= 0 && newline < lineSearchCharacters && newline < tail.length - 1 ? newline + 1 : 0
}
