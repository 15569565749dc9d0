import { createHash } from 'node:crypto'
import type { RunFactOf } from '@codegen/protocol/wire'
import type { Dialect, RequestHead } from './dialect.ts'
import { createContextMeter } from './context-meter.ts'
import type { RunText, SavedEntry } from './log-entry.ts'
import { createRecap } from './recap.ts'
import type { RecapState } from './recap-state.ts'

/** A request to the model as bytes, and their SHA-256. */
export type RequestText = { readonly body: string; readonly digest: string }

/** What the model sees of a run, as a fold over its log. Its sizes are estimates that cost nothing to ask for. */
export type Transcript = {
  add(entry: SavedEntry): void
  /** The whole request as it stands. */
  toRequest(): RequestText
  /** The request as it was before an entry, and one more message. */
  toRequestBefore(position: number, shown: string): RequestText
  /** Where each answer is that can be the first to stay, oldest first. */
  readonly answers: readonly { readonly position: number }[]
  readonly tokens: number
  /** Of the part before the messages: model, instructions and tools. */
  readonly headTokens: number
  /** Of what entries from this position on show. */
  tokensFrom(position: number): number
  tokensOf(characters: number): number
  /** The most characters that are so many tokens. */
  charactersOf(tokens: number): number
  /** The facts that are kept when the older part goes. */
  recap(): RecapState
}

/**
 * A request that only ever grows at its end, until its older part is summed up and it begins anew. Model and tools come first and the messages last, so
 * each request begins with the bytes of the one before, and neither its text nor its digest is made anew from turn to turn. An entry that brings other tools
 * puts the same messages behind another head.
 */
export function createTranscript(dialect: Dialect, head: RequestHead): Transcript {
  return new GrowingTranscript(dialect, head)
}

class GrowingTranscript implements Transcript {
  readonly #dialect: Dialect
  #of: RequestHead
  #head: string
  /** The head ends where its list of messages begins. */
  readonly #isListOpen: boolean
  readonly #meter = createContextMeter()
  readonly #recap = createRecap()
  #text = ''
  #hash = createHash('sha256')
  #answers: { readonly position: number; readonly offset: number }[] = []

  constructor(dialect: Dialect, of: RequestHead) {
    this.#dialect = dialect
    this.#of = of
    this.#head = dialect.head(of)
    this.#isListOpen = this.#head.endsWith('[')
    this.#append(this.#head)
  }

  add(entry: SavedEntry): void {
    const { fact, shown } = entry
    this.#recap.add(entry)
    if (fact.type === 'compacted') return this.#restart(fact.payload.kept_from, shown ?? '')
    if (fact.type === 'toolbelt') this.#changeTools(fact.payload, entry.texts ?? [])
    if (fact.type === 'usage') this.#meter.read(fact.payload.input_tokens)
    if (fact.type === 'agent_message') {
      this.#meter.asked(this.#text.length)
      if (shown !== null) this.#answers.push({ position: entry.position, offset: this.#text.length })
    }
    if (shown !== null) this.#append(this.#joined(this.#text, shown))
  }

  toRequest(): RequestText {
    return { body: `${this.#text}]}`, digest: this.#hash.copy().update(']}').digest('hex') }
  }

  toRequestBefore(position: number, shown: string): RequestText {
    const before = this.#text.slice(0, this.#offsetOf(position))
    const body = `${before}${this.#joined(before, shown)}]}`
    return { body, digest: createHash('sha256').update(body).digest('hex') }
  }

  get answers(): readonly { readonly position: number }[] {
    return this.#answers
  }

  get tokens(): number {
    return this.tokensOf(this.#text.length)
  }

  get headTokens(): number {
    return this.tokensOf(this.#head.length)
  }

  tokensFrom(position: number): number {
    return this.tokensOf(this.#text.length - this.#offsetOf(position))
  }

  tokensOf(characters: number): number {
    return this.#meter.tokensOf(characters)
  }

  charactersOf(tokens: number): number {
    return this.#meter.charactersOf(tokens)
  }

  recap(): RecapState {
    return this.#recap.state()
  }

  /** Where the texts are not at hand the head is that of the run's last ones already. */
  #changeTools(named: RunFactOf<'toolbelt'>['payload'], texts: readonly RunText[]): void {
    const bodyOf = (digest: string): string | undefined => texts.find((text) => text.digest === digest)?.body
    const toolsJson = bodyOf(named.tools_digest) ?? this.#of.toolsJson
    const systemPrompt = bodyOf(named.system_digest) ?? this.#of.systemPrompt
    const before = this.#head
    this.#of = { ...this.#of, toolsJson, systemPrompt }
    this.#head = this.#dialect.head(this.#of)
    if (this.#head === before) return
    const messages = toCopy(this.#text.slice(before.length))
    this.#text = ''
    this.#hash = createHash('sha256')
    this.#append(this.#head)
    this.#append(messages)
    const moved = this.#head.length - before.length
    this.#answers = this.#answers.map(({ position, offset }) => ({ position, offset: offset + moved }))
  }

  /** From here on: the head, what took the place of the older part, and the entries from `keptFrom` on as they were. */
  #restart(keptFrom: number, shown: string): void {
    const offset = this.#offsetOf(keptFrom)
    const tail = toCopy(this.#text.slice(offset))
    this.#text = ''
    this.#hash = createHash('sha256')
    this.#append(this.#head)
    this.#append(this.#joined(this.#text, shown))
    const moved = this.#text.length - offset
    this.#answers = this.#answers
      .filter(({ position }) => position >= keptFrom)
      .map((answer) => ({ position: answer.position, offset: answer.offset + moved }))
    this.#append(tail)
  }

  /** The first message of a list has no comma before it. */
  #joined(before: string, shown: string): string {
    return this.#isListOpen && before.length === this.#head.length ? shown : `,${shown}`
  }

  /** Where what an answer shows begins, with the comma before it; the end where there is none. */
  #offsetOf(position: number): number {
    return this.#answers.find((answer) => answer.position >= position)?.offset ?? this.#text.length
  }

  #append(piece: string): void {
    this.#text += piece
    this.#hash.update(piece)
  }
}

/** A piece of a string keeps all of it in memory. */
function toCopy(piece: string): string {
  return Buffer.from(piece).toString()
}
