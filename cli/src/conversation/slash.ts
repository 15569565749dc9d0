import { nearestVerb } from '#nearest-verb'

/** What a person entered: a message for the model, or something for codegen itself. */
export type Entered =
  | { readonly kind: 'message'; readonly text: string }
  | { readonly kind: 'command'; readonly name: string; readonly argument: string }
  | { readonly kind: 'unknown'; readonly sentence: string }

/**
 * A line that begins with a slash and a word is a command; a path (`/etc/hosts is ...`), two slashes, several lines and all that begins with a space are
 * messages.
 */
export function readEntered(text: string, names: readonly string[]): Entered {
  const match = /^\/([a-z-]+)(?:[ \t]+(.*))?$/i.exec(text.trimEnd())
  if (!match) return { kind: 'message', text: text.trim() }
  const [, typed = '', argument = ''] = match
  const name = typed.toLowerCase()
  if (names.includes(name)) return { kind: 'command', name, argument: argument.trim() }
  const nearest = nearestVerb(name, names) ?? names.find((known) => known.startsWith(name))
  const meant = nearest === undefined ? '/help lists the commands' : `did you mean /${nearest}?`
  return {
    kind: 'unknown',
    sentence: `There is no /${typed}; ${meant}${nearest === undefined ? '.' : ''} To send it, put a space first.`,
  }
}

/** What the word before the cursor may become: all of them, and what they have in common. */
export function completeEntered(
  text: string,
  choices: Readonly<Record<string, readonly string[]>>,
): { readonly found: readonly string[]; readonly text: string } {
  const match = /^\/([a-z-]*)(?:( +)([a-z-]*))?$/i.exec(text)
  if (!match) return { found: [], text }
  const [, name = '', space, word = ''] = match
  const all = space === undefined ? Object.keys(choices) : Object.hasOwn(choices, name) ? choices[name] : undefined
  const found = (all ?? []).filter((choice) => choice.startsWith(space === undefined ? name : word))
  if (found.length === 0) return { found, text }
  const begun = space === undefined ? '/' : `/${name} `
  return { found, text: `${begun}${commonBeginning(found)}${found.length === 1 ? ' ' : ''}` }
}

function commonBeginning([first = '', ...others]: readonly string[]): string {
  let length = first.length
  for (const other of others) while (!other.startsWith(first.slice(0, length))) length -= 1
  return first.slice(0, length)
}
