import type { Invocation, Option } from './command.ts'

/** The options that more than one command takes; the others are beside their command. */
export const json: Option = { name: 'json', summary: 'one JSON object a line, for programs' }
export const quiet: Option = { name: 'quiet', short: 'q', summary: 'only the last answer' }

/** Taken everywhere. */
export const helpOption: Option = { name: 'help', short: 'h', summary: 'what a command is for and what it takes' }
export const versionOption: Option = { name: 'version', short: 'V', summary: 'the version of codegen' }
export const everywhere: readonly Option[] = [helpOption, versionOption]

/** How a run is to be shown. */
export function toShown(invocation: Pick<Invocation, 'has'>): { json: boolean; quiet: boolean } {
  return { json: invocation.has(json), quiet: invocation.has(quiet) }
}
