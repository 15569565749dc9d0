/** The settings of the runs a conversation starts. */
export type RunSettings = {
  readonly mode: 'ask' | 'auto' | 'read-only'
  /** Absolute, and a folder: the root of every run, whatever is resumed. */
  readonly cwd: string
  readonly model?: string
  readonly limits?: { turns: number }
}
