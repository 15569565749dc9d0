import type { ExitCode } from '#exit-code'
import type { Terminal } from '#render/terminal'

/** One thing codegen can be told to do. Parsing, help, completion and docs/commands.md are made of the table of these; nothing else lists commands. */
export type Command = {
  /** One word or two, as typed after `codegen`. Empty for a prompt. */
  readonly name: string
  /** Under which heading of the help it stands. */
  readonly group: CommandGroup
  /** For programs: in no list. */
  readonly isHidden?: boolean
  /** What it is for, in a few words that begin small and end without a full stop. */
  readonly summary: string
  readonly operands: readonly Operand[]
  readonly options: readonly Option[]
  /** The rest of its help: lines of at most 100 characters. */
  readonly details?: readonly string[]
  run(invocation: Invocation): Promise<ExitCode>
}

/** A word that is not an option. An optional one stands behind those that are not; only the last one may take all that is left. */
export type Operand = {
  /** As help shows it: `ID`. */
  readonly name: string
  /** What it is, to complete "codegen log takes ...". */
  readonly meaning: string
  readonly isOptional?: boolean
  readonly takesRest?: boolean
  readonly completes?: Completes
}

/** An option means the same wherever it is taken: there is one of each name. */
export type Option = {
  readonly name: string
  readonly short?: string
  /** How help names its value; without it the option takes none. */
  readonly value?: string
  readonly summary: string
  readonly completes?: Completes
}

/** What a shell may offer for a word: names known only while it is typed, or these words. */
export type Completes = 'runs' | 'tools' | 'plugins' | 'commands' | 'folders' | readonly string[]

/** The headings of the help, in their order. */
export const commandGroups = ['Work', 'Runs', 'This machine', 'Plugins', 'codegen itself'] as const
export type CommandGroup = (typeof commandGroups)[number]

/** A command as it was typed, checked against what it takes. */
export type Invocation = {
  /** Its operands, as many as it takes. */
  readonly words: readonly string[]
  has(option: Option): boolean
  value(option: Option): string | undefined
  readonly terminal: Terminal
  /** The whole table, for the commands that are about it. */
  readonly commands: readonly Command[]
}
