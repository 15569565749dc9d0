import { createControlStripper, stripControls } from './strip-controls.ts'

/** The model's answer as it grows: what is new of it to show, free of control characters. */
export type Answer = {
  /** The next piece. */
  delta(content: string): string
  /** The whole text: shows what the pieces did not bring, and whether it had to begin again to do so. */
  finish(content: string): { text: string; restarted: boolean }
  /** Forgets the pieces; true where there were any. */
  drop(): boolean
}

export function createAnswer(): Answer {
  let stripper = createControlStripper()
  let shown = ''

  function drop(): boolean {
    const had = shown !== ''
    shown = ''
    stripper = createControlStripper()
    return had
  }

  return {
    drop,
    delta(content) {
      shown += content
      return stripper.push(content)
    },
    finish(content) {
      const missing = content.startsWith(shown) ? content.slice(shown.length) : undefined
      const text = missing === undefined ? stripControls(content) : stripper.push(missing)
      drop()
      return { text, restarted: missing === undefined }
    },
  }
}
