import { createHash } from 'node:crypto'
import { isAbsolute, relative, resolve } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Compile } from 'typebox/compile'

/** The one version of the plugin interface that this codegend speaks. */
const apiVersion = 1

const word = Type.String({ minLength: 1, maxLength: 4_096 })
const words = Type.Optional(Type.Array(word, { maxItems: 100 }))
const commandWord = Type.String({ minLength: 1, maxLength: 4_096, pattern: '^[^\\u0000]*$' })

/** Tools by name, or `*` for all of them. */
const toolNames = Type.Optional(
  Type.Array(Type.String({ pattern: '^(\\*|[A-Za-z][A-Za-z0-9_-]{0,63})$' }), { maxItems: 100 }),
)

/** What a plugin asks its owner for; what is not here it does not get. */
const Permissions = Type.Object({
  read: words,
  write: words,
  exec: Type.Optional(Type.Boolean()),
  net: words,
  env: words,
  hooks: Type.Optional(Type.Object({ before: toolNames, after: toolNames }, { additionalProperties: false })),
})

const PackageFile = Type.Object({
  name: Type.String({ maxLength: 214, pattern: '^(@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*$' }),
  version: Type.Optional(Type.String({ maxLength: 100 })),
  codegen: Type.Object({
    api: Type.Integer(),
    main: Type.Optional(word),
    command: Type.Optional(Type.Array(commandWord, { minItems: 1, maxItems: 100 })),
    permissions: Type.Optional(Permissions),
  }),
})

const packageFile = Compile(PackageFile)

export type PluginPermissions = Required<Omit<Static<typeof Permissions>, 'hooks'>> & { hooks: HookedTools }

/** Whose calls a plugin is told of, before they run and after. */
export type HookedTools = { before: string[]; after: string[] }

/** What a plugin's package.json says of it, checked. */
export type Manifest = {
  readonly name: string
  readonly version: string
  readonly made: MadeOf
  readonly permissions: PluginPermissions
}

/** A module's path, relative to the plugin's folder and inside it; or a command that is started in that folder. */
export type MadeOf =
  | { readonly kind: 'module'; readonly main: string }
  | { readonly kind: 'command'; readonly command: readonly string[] }

/**
 * What holds a plugin's process: a sandbox of the kernel's, for a module with Node's permission model inside it; that model alone; or nothing.
 */
export type Containment = 'sandbox' | 'permissions' | 'none'

/** Reads the text of a package.json. Undefined where it is no plugin's; fails with plugin.refused, naming what is wrong. */
export function parseManifest(text: string): Manifest | undefined {
  const found = parseJson(text)
  if (typeof found !== 'object' || found === null || !('codegen' in found)) return undefined
  if (!packageFile.Check(found)) {
    const [first] = packageFile.Errors(found)
    const path = first?.instancePath.slice(1).replaceAll('/', '.') || 'package.json'
    throw new Failure('plugin.refused', `package.json: "${path}" ${first?.message ?? 'is wrong'}.`)
  }
  const { name, version = '0.0.0', codegen } = found
  if (codegen.api !== apiVersion) {
    throw new Failure(
      'plugin.refused',
      `The plugin is made for version ${codegen.api} of the plugin interface; this codegend speaks version ${apiVersion}.`,
    )
  }
  return { name, version, made: parseMade(codegen), permissions: parsePermissions(codegen.permissions ?? {}) }
}

/** What consent is given to: other permissions are another question, and so are another command and a command that nothing holds. */
export function consentDigest({ made, permissions }: Manifest, containment: Containment): string {
  const { read, write, exec, net, env, hooks } = permissions
  const sorted = [read, write, net, env, hooks.before, hooks.after].map((list) => list.toSorted())
  const asked = made.kind === 'module' ? [exec, sorted] : [exec, sorted, made.command, containment]
  return createHash('sha256').update(JSON.stringify(asked)).digest('hex')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'not JSON'
    throw new Failure('plugin.refused', `package.json cannot be read: ${reason.slice(0, 200)}.`)
  }
}

function parseMade({ main, command }: Static<typeof PackageFile>['codegen']): MadeOf {
  if (main !== undefined && command === undefined) return { kind: 'module', main: parseInside('main', main) }
  if (main !== undefined || command === undefined) {
    throw new Failure('plugin.refused', 'package.json: "codegen" must have "main" or "command", one of the two.')
  }
  const [program = '', ...rest] = command
  const isPath = program.includes('/') && !isAbsolute(program)
  return { kind: 'command', command: [isPath ? `./${parseInside('command', program)}` : program, ...rest] }
}

function parseInside(key: string, file: string): string {
  const path = relative('/', resolve('/', file))
  const leaves = relative('/a', resolve('/a', file)).startsWith('..')
  if (isAbsolute(file) || leaves || path === '') {
    throw new Failure('plugin.refused', `package.json: "codegen.${key}" must name a file inside the plugin.`)
  }
  return path
}

/** A path of the machine is given to the process by Node's permission model, which takes `*` for anything. */
function parsePermissions(asked: Static<typeof Permissions>): PluginPermissions {
  const { read = [], write = [], exec = false, net = [], env = [], hooks: { before = [], after = [] } = {} } = asked
  const isPlace = (place: string): boolean => place === 'workspace' || (isAbsolute(place) && !place.includes('*'))
  const wrong = [...read, ...write].find((place) => !isPlace(place))
  if (wrong !== undefined) {
    throw new Failure(
      'plugin.refused',
      `package.json: "${wrong.slice(0, 200)}" is neither "workspace" nor an absolute path without "*".`,
    )
  }
  return { read, write, exec, net, env, hooks: { before, after } }
}
