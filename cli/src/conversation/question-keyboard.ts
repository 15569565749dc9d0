import type { Keyboard } from '#approvals/keyboard'
import { limits } from '#limits'
import type { Key } from './decode-keys.ts'

export type Reader = (key: Key) => void

/** Who has the keys, and how to take them over. */
export type Reading = {
  current(): Reader
  set(reader: Reader): void
  /** When a character was typed last that is not part of an entered message, by performance.now(). */
  typedAt(): number
  /** A message was begun. */
  isWriting(): boolean
}

/**
 * The keyboard a question is answered on while somebody may be writing a message: only a key that is pressed alone, with a pause before it and after it, is
 * an answer. What belongs to a message that was begun goes on with it; other keys are dropped.
 */
export function createQuestionKeyboard(reading: Reading): Keyboard {
  let before: Reader = () => undefined
  let mine = before
  let alone: NodeJS.Timeout | undefined
  let answer: Key | undefined

  function take(next: Reader): void {
    mine = next
    reading.set(next)
  }

  function drop(key: Key | undefined): void {
    if (key && reading.isWriting() && !isEnter(key)) before(key)
  }

  /** Also the key before it was none then. */
  function spoil(key: Key): void {
    clearTimeout(alone)
    drop(answer)
    answer = undefined
    drop(key)
  }

  return {
    open() {
      before = reading.current()
      answer = undefined
      take(drop)
    },
    listen(onKey) {
      let quietSince = reading.typedAt()
      take((key) => {
        const now = performance.now()
        const isQuiet = now - quietSince >= limits.answerQuietMs
        quietSince = now
        if (key.kind === 'key' && key.ctrl) onKey(key.text)
        else if (!isQuiet || key.kind === 'paste') spoil(key)
        else {
          answer = key
          alone = setTimeout(() => onKey(key.text), limits.answerAloneMs)
        }
      })
    },
    close() {
      clearTimeout(alone)
      if (reading.current() === mine) reading.set(before)
    },
  }
}

function isEnter(key: Key): boolean {
  return key.kind === 'key' && (key.name === 'return' || key.name === 'enter')
}
