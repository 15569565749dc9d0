import { emitKeypressEvents } from 'node:readline'
import type { Key as NamedKey } from 'node:readline'
import { PassThrough } from 'node:stream'
import { createPasteSplitter } from './split-paste.ts'

/** What a person did at the keyboard. */
export type Key =
  | {
      readonly kind: 'key'
      readonly name: string
      readonly text: string
      readonly ctrl: boolean
      readonly meta: boolean
    }
  | { readonly kind: 'paste'; readonly text: string }

/** Makes keys of what a terminal sends, wherever it is cut. */
export function createDecoder(onKey: (key: Key) => void): (chunk: string) => void {
  const decoded = new PassThrough({ encoding: 'utf8' })
  const splitter = createPasteSplitter()
  emitKeypressEvents(decoded)
  decoded.on('keypress', (typed: string | undefined, { name = '', sequence = '', ctrl, meta }: NamedKey) => {
    onKey({ kind: 'key', name, text: typed ?? sequence, ctrl: ctrl === true, meta: meta === true })
  })
  return (chunk) => {
    for (const { kind, text } of splitter.push(chunk)) {
      if (kind === 'paste') onKey({ kind, text })
      else decoded.write(text)
    }
  }
}
