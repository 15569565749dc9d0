/**
 * Where outside events wait until the run's one loop takes them. Bounded by its senders: the calls of one answer, the commands of one inbox, and one
 * end.
 */
export type Mailbox<Letter> = {
  post(letter: Letter): void
  /** Takes everything that has arrived; never waits. */
  takeAll(): Letter[]
  /** How much waits to be taken. */
  size(): number
  /** Resolves as soon as there is something to take. */
  arrival(): Promise<void>
}

export function createMailbox<Letter>(): Mailbox<Letter> {
  let letters: Letter[] = []
  let wake: (() => void) | undefined
  let arriving: Promise<void> | undefined
  return {
    post(letter) {
      letters.push(letter)
      wake?.()
      wake = undefined
      arriving = undefined
    },
    takeAll() {
      const taken = letters
      letters = []
      return taken
    },
    size: () => letters.length,
    arrival() {
      if (letters.length > 0) return Promise.resolve()
      arriving ??= new Promise((resolve) => {
        wake = resolve
      })
      return arriving
    },
  }
}
