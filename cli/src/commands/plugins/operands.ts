import type { Operand, Option } from '#commands/command'

/** What more than one of the commands about plugins takes. */
export const pluginName: Operand = { name: 'NAME', meaning: "a plugin's name", completes: 'plugins' }
export const yes: Option = { name: 'yes', summary: 'ask nothing: it may have what it asks for' }
