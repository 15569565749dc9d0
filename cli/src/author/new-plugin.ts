import { chmod, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import { connectToDaemon } from '#connect'
import { exitCodes } from '#exit-code'
import type { ExitCode } from '#exit-code'
import { kitFolder } from '#kit-folder'
import type { Terminal } from '#render/terminal'

/** What the author gets of the kit's sources: they import nothing but one another, and Node runs them as they are. */
const kitFiles = ['tool-definition.ts', 'context.ts', 'hooks.ts', 'define-tool.ts', 'harness.ts']

const placeholder = { name: 'my-plugin', tool: 'MyPluginTasks' }

export type NewPlugin = {
  readonly name: string
  /** Where to; its name, where none is given. */
  readonly place: string | undefined
  readonly language: 'typescript' | 'javascript'
}

/** Writes a plugin folder that works at once: its tests pass, an editor finds the types, and codegend serves it. Leaves nothing where it fails. */
export async function newPlugin({ name, place = name, language }: NewPlugin, terminal: Terminal): Promise<ExitCode> {
  checkName(name)
  const folder = resolve(place)
  await refuseTaken(name)
  await claimFolder(folder, name)
  try {
    await writeFiles(folder, { name, language })
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
  const shown = relative(process.cwd(), folder) || '.'
  const cd = shown === '.' ? '' : `cd ${shown} && `
  terminal.print(`${name} is written to ${folder}, with one tool: ${toToolName(name)}.\n\n`)
  terminal.print(`  ${cd}node --test\n  codegen plugins dev ${shown}\n`)
  return exitCodes.done
}

function checkName(name: string): void {
  if (/^[a-z][a-z0-9._-]{0,63}$/.test(name)) return
  const nearly = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replaceAll(/^[^a-z]+|-+$/g, '')
    .slice(0, 64)
  throw new Failure(
    'request.invalid',
    `"${name.slice(0, 80)}" is no name for a plugin: small letters, digits, "-", "." and "_", a letter first${nearly ? `, such as ${nearly}` : ''}.`,
  )
}

/** Where no codegend runs nobody can say; then it is told when the plugin is served. */
async function refuseTaken(name: string): Promise<void> {
  const client = await connectToDaemon({}).catch(() => undefined)
  if (!client) return
  try {
    const taken = (await client.listPlugins(process.cwd())).plugins.find((plugin) => plugin.name === name)
    if (taken)
      throw new Failure(
        'request.invalid',
        `There is a plugin ${name} already, in ${taken.folder}. Choose another name.`,
      )
  } finally {
    client.close()
  }
}

async function claimFolder(folder: string, name: string): Promise<void> {
  const found = await readdir(folder).catch((error: unknown) => {
    if (isFault(error, 'ENOENT')) return undefined
    throw new Failure('request.invalid', `${folder} is there already and no folder that can be written to.`)
  })
  if (found && found.length > 0)
    throw new Failure(
      'request.invalid',
      `${folder} is there already and not empty. Name another folder: codegen plugins new ${name} DIR`,
    )
  if (!found) await makeFolder(folder)
  // Whatever the umask is: codegend runs nothing others can write to.
  await chmod(folder, 0o755)
}

async function makeFolder(folder: string): Promise<void> {
  try {
    // Not all of it recursively: where nothing can be made, as in /proc, that never returns.
    await mkdir(dirname(folder), { recursive: true })
    await mkdir(folder)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Failure('request.invalid', `${folder} cannot be made: ${reason}.`)
  }
}

async function writeFiles(folder: string, of: { name: string; language: string }): Promise<void> {
  const kit = kitFolder()
  const template = join(kit, 'templates', of.language)
  for (const file of await readdir(template)) {
    const text = await readFile(join(template, file), 'utf8')
    const named = text.replaceAll(placeholder.tool, toToolName(of.name)).replaceAll(placeholder.name, of.name)
    await write(join(folder, file), named)
  }
  await mkdir(join(folder, 'kit'))
  await chmod(join(folder, 'kit'), 0o755)
  for (const file of kitFiles) await copy(join(kit, 'src', file), join(folder, 'kit', file))
  for (const file of await readdir(join(kit, 'templates', 'kit')))
    await copy(join(kit, 'templates', 'kit', file), join(folder, 'kit', file))
}

async function write(path: string, text: string): Promise<void> {
  await writeFile(path, text, { flag: 'wx' })
  await chmod(path, 0o644)
}

async function copy(from: string, to: string): Promise<void> {
  await cp(from, to)
  await chmod(to, 0o644)
}

/** `my-plugin` offers `MyPluginTasks`: no tool that comes with CodeGen is called so. */
function toToolName(name: string): string {
  const words = name.split(/[._-]+/).filter(Boolean)
  return `${words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')}Tasks`.slice(-64)
}

function isFault(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
