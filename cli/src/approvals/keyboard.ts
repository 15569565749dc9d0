import type { ReadStream } from 'node:tty'

/** One key at a time from the person at the terminal. */
export type Keyboard = {
  /** Throws away what was typed before. */
  open(): void
  /** Hands every key to `onKey` until it is closed. */
  listen(onKey: (key: string) => void): void
  close(): void
}

/** Whether there is a person to ask: a terminal to show a question on and to read from. */
export function hasKeyboard(): boolean {
  const { isatty } = process.getBuiltinModule('node:tty')
  return isatty(2) && (isatty(0) || isatty(1))
}

/**
 * The terminal's keyboard; undefined where there is no terminal to show a question on and to read from. When the prompt was piped in, the
 * terminal itself is opened.
 */
export function findKeyboard(): Keyboard | undefined {
  const { isatty } = process.getBuiltinModule('node:tty')
  if (!hasKeyboard()) return undefined
  return toKeyboard(isatty(0) ? () => toReadStream(0) : openTerminal)
}

function toKeyboard(openInput: () => ReadStream | undefined): Keyboard | undefined {
  const input = openInput()
  if (!input) return undefined
  let onKey: ((key: string) => void) | undefined
  input.setEncoding('utf8')
  input.pause()
  input.on('data', (keys: string) => {
    for (const key of keys) onKey?.(key)
  })
  return {
    open() {
      onKey = undefined
      input.setRawMode(true)
      input.resume()
    },
    listen(next) {
      onKey = next
    },
    close() {
      onKey = undefined
      input.setRawMode(false)
      input.pause()
    },
  }
}

function openTerminal(): ReadStream | undefined {
  try {
    return toReadStream(process.getBuiltinModule('node:fs').openSync('/dev/tty', 'r'))
  } catch {
    return undefined
  }
}

function toReadStream(descriptor: number): ReadStream {
  const { ReadStream } = process.getBuiltinModule('node:tty')
  return new ReadStream(descriptor)
}
