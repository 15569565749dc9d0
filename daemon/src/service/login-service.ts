import type { Environment } from '#config'

/** How this kind of machine starts a program at login: the file it reads and the commands it is told with. */
export type LoginService = {
  /** As a person calls it: `systemd user unit`. */
  readonly kind: string
  /** Where its file goes, and what is in it. */
  readonly file: string
  readonly text: string
  readonly commands: {
    /** Succeeds where there is such a thing on this machine. */
    readonly available: Argv
    /** After the file was written: makes it start at login. */
    readonly enable: readonly Argv[]
    readonly start: readonly Argv[]
    /** Puts a new one in the place of the one that runs, which finishes its calls; without these `start` does. */
    readonly restart?: readonly Argv[]
    /** Ends it and takes it off, before the file is removed; then what has to be told of that. */
    readonly disable: readonly Argv[]
    readonly forget: readonly Argv[]
    /** Succeeds where it would start at login. */
    readonly isEnabled: Argv
    readonly isRunning: Argv
  }
  /** What to say where there is no such thing. */
  readonly absent: string
  /** What a user may want to know after installing. */
  readonly hints: readonly string[]
}

export type Argv = readonly [string, ...string[]]

export type ServicePlace = {
  /** CODEGEN_HOME. Absolute. */
  readonly home: string
  /** The script it starts. */
  readonly launcher: string
  readonly environment: Environment
}
