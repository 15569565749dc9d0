import { limits } from '#limits'

/** Tokens of a request without counting them: its characters, by what its server last said of a request of this run. */
export type ContextMeter = {
  /** A request of so many characters was answered. */
  asked(characters: number): void
  /** How many tokens its server says it read; 0 when it does not say. */
  read(inputTokens: number): void
  tokensOf(characters: number): number
  /** The most characters that are so many tokens. */
  charactersOf(tokens: number): number
}

/** A server is believed within what text can be: a wrong figure neither fills the context nor hides that it is full. */
export function createContextMeter(): ContextMeter {
  const { charactersPerTokenDefault, charactersPerTokenMin, charactersPerTokenMax } = limits.compaction
  let charactersPerToken: number = charactersPerTokenDefault
  let askedCharacters = 0
  return {
    asked(characters) {
      askedCharacters = characters
    },
    read(inputTokens) {
      // Without a request before it, it is not of this text.
      if (askedCharacters > 0 && inputTokens > 0) {
        const said = askedCharacters / inputTokens
        charactersPerToken = Math.min(charactersPerTokenMax, Math.max(charactersPerTokenMin, said))
      }
      askedCharacters = 0
    },
    tokensOf: (characters) => Math.ceil(characters / charactersPerToken),
    charactersOf: (tokens) => Math.floor(tokens * charactersPerToken),
  }
}
