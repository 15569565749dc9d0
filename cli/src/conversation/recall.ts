/** Walks through what was entered before; what was being written is kept at its end. */
export type Recall = {
  /** The entry before, beginning with what is being written at first; undefined at the beginning. */
  older(current: string): string | undefined
  newer(): string | undefined
}

export function createRecall(entries: readonly string[]): Recall {
  let place = entries.length
  let written = ''
  return {
    older(current) {
      if (place === 0) return undefined
      if (place === entries.length) written = current
      place -= 1
      return entries[place]
    },
    newer() {
      if (place === entries.length) return undefined
      place += 1
      return place === entries.length ? written : entries[place]
    },
  }
}
