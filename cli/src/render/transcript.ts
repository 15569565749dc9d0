import type { Terminal } from './terminal.ts'

/** What a person reads, in blocks of one kind with an empty line between them. */
export type Transcript = {
  print(kind: 'text' | 'calls', text: string): void
  /** A line of codegen's own among them. */
  remark(sentence: string): void
  /** The last line; after a block with an empty line before it. */
  close(line: string): void
}

export function createTranscript(terminal: Terminal): Transcript {
  let lastKind: 'text' | 'calls' | undefined
  return {
    print(kind, text) {
      if (!text) return
      if (kind !== lastKind && lastKind !== undefined) {
        terminal.startLine()
        terminal.print('\n')
      }
      lastKind = kind
      terminal.print(text)
    },
    remark(sentence) {
      terminal.startLine()
      terminal.print(`${terminal.colours.dim(`— ${sentence} —`)}\n`)
    },
    close(line) {
      terminal.startLine()
      terminal.print(`${lastKind === undefined ? '' : '\n'}${terminal.colours.dim(line)}\n`)
    },
  }
}
