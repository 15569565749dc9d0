import { Failure } from '@codegen/protocol/failure'

const variable = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g

/** Names of the variables a text asks for, as `${NAME}` or `${NAME:-default}`. */
export function variablesIn(text: string): string[] {
  return [...text.matchAll(variable)].flatMap(([, name]) => name ?? [])
}

/** Puts in their values, once: a value is not looked through again. Fails with plugin.broken where one is not set and has no default. */
export function expandVariables(text: string, values: Readonly<Record<string, string | undefined>>): string {
  return text.replaceAll(variable, (_whole, name: string, otherwise: string | undefined) => {
    const value = values[name] ?? otherwise
    if (value !== undefined) return value
    throw new Failure(
      'plugin.broken',
      `It names \${${name}}, which is not in codegend's environment: set it there, or write \${${name}:-default}.`,
    )
  })
}

/** Puts in the values of these variables and leaves all else as it is. */
export function expandNamed(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(variable, (whole, name: string) =>
    whole === `\${${name}}` && Object.hasOwn(values, name) ? (values[name] ?? '') : whole,
  )
}
