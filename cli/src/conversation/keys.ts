import type { ReadStream } from 'node:tty'
import type { Keyboard } from '#approvals/keyboard'
import { limits } from '#limits'
import { createDecoder } from './decode-keys.ts'
import type { Key } from './decode-keys.ts'
import { createQuestionKeyboard } from './question-keyboard.ts'
import type { Reader } from './question-keyboard.ts'

/** The terminal's keys, read one by one. One reader has them at a time. */
export type Keys = {
  /** Hands every key to `reader`, those that were held first, until another one takes over. */
  read(reader: (key: Key) => void): void
  /** Keeps what is typed for the next reader. */
  hold(): void
  /** For a question: it has the keys from `open` to `close`, then whoever had them before. */
  readonly keyboard: Keyboard
  /** Gives the terminal back as it was. May be called more than once. */
  release(): void
  /** Takes it again. */
  take(): void
}

const pasteOn = '\x1b[?2004h'
const pasteOff = '\x1b[?2004l'

export type KeysOptions = {
  input: ReadStream
  write(text: string): void
  /** A message was begun: what is typed may belong to it. */
  isWriting(): boolean
}

/** Takes the terminal: from now on it shows no key and makes no signal of any. `write` reaches its screen. */
export function createKeys({ input, write, isWriting }: KeysOptions): Keys {
  let reader: Reader = hold
  let held: Key[] = []
  let isTaken = false
  let typedAt = -Infinity

  function set(next: Reader): void {
    reader = next
  }

  function hold(key: Key): void {
    if (held.length < limits.heldKeysMax) held.push(key)
  }

  input.setEncoding('utf8')
  input.on(
    'data',
    createDecoder((key) => {
      typedAt = key.kind === 'key' && key.name === 'return' ? -Infinity : performance.now()
      reader(key)
    }),
  )

  function take(): void {
    if (isTaken) return
    isTaken = true
    input.setRawMode(true)
    input.resume()
    write(pasteOn)
  }

  function release(): void {
    if (!isTaken) return
    isTaken = false
    // It is read on: what waits for keys is all that keeps a stopped program alive until it goes on.
    input.setRawMode(false)
    write(pasteOff)
  }

  return {
    read(next) {
      set(next)
      const waiting = held
      held = []
      for (const key of waiting) reader(key)
    },
    hold: () => set(hold),
    keyboard: createQuestionKeyboard({ current: () => reader, set, typedAt: () => typedAt, isWriting }),
    release,
    take,
  }
}
