import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import type { Client, Plugin } from '#client'
import { exitCodes } from '#exit-code'
import type { ExitCode } from '#exit-code'
import { limits } from '#limits'
import { pause } from '#ask-again'
import { askedWords } from '#render/plugin-asks'
import { renderFact, renderPlugins } from '#render/plugins'
import type { Terminal } from '#render/terminal'
import { withClient } from '#with-client'
import { confirm } from './confirm.ts'
import { fetchSource } from './fetch-source.ts'
import type { Fetched } from './fetch-source.ts'
import { loadLock, saveLock } from './lock-file.ts'
import type { Lock } from './lock-file.ts'
import { parseSource, sourceInWords } from './parse-source.ts'

type Added = { readonly source: string; readonly saysYes: boolean }

type Checked = Awaited<ReturnType<Client['checkPlugin']>>

/** Fetches a plugin beside the others, shows what it asks for, and puts it in its place in one step. Where that fails or is broken off nothing has changed. */
export function addPlugin({ source: given, saysYes }: Added, terminal: Terminal): Promise<ExitCode> {
  const source = parseSource(given, process.cwd())
  const shown = sourceInWords(source)
  return withClient(terminal, async (client) => {
    const { home } = await client.status()
    const lock = await loadLock(home)
    const root = join(home, 'plugins')
    await mkdir(root, { recursive: true, mode: 0o700 })
    // What begins with a dot is no plugin.
    const scratch = await mkdtemp(join(root, '.add-'))
    const cancelling = new AbortController()
    const cancel = (): void => cancelling.abort(new Failure('client.cancelled', 'nothing was added'))
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, cancel)
    try {
      terminal.status(`fetching ${shown}`)
      terminal.flush()
      const fetched = await fetchSource(source, scratch, cancelling.signal)
      terminal.status('')
      const checked = await client.checkPlugin(fetched.folder)
      const place = { client, terminal, root, scratch, lock, home }
      return await settle({ checked, fetched, shown, saysYes }, place)
    } finally {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, cancel)
      await rm(scratch, { recursive: true, force: true })
    }
  })
}

type Candidate = {
  readonly checked: Checked
  readonly fetched: Fetched
  readonly shown: string
  readonly saysYes: boolean
}
type Place = {
  readonly client: Client
  readonly terminal: Terminal
  readonly root: string
  readonly scratch: string
  readonly lock: Lock
  readonly home: string
}

async function settle(candidate: Candidate, place: Place): Promise<ExitCode> {
  const { checked, fetched, shown, saysYes } = candidate
  const { client, terminal, lock, home } = place
  const before = await findBefore(checked.name, place)
  tell(candidate, before, terminal)
  const isKnown = before !== undefined && before.state !== 'asks' && isSame(before, checked)
  const answer = isKnown || saysYes ? true : await confirm(terminal, `May ${checked.name} have this?`)
  if (answer === false) {
    terminal.note('nothing was added')
    return exitCodes.failed
  }
  await putInPlace(checked.name, fetched.folder, place)
  const { commit, integrity } = fetched
  const { name, version, digest } = checked
  const pins = { ...(commit === undefined ? {} : { commit }), ...(integrity === undefined ? {} : { integrity }) }
  const entry = { source: shown, version, ...pins, digest, added: new Date().toISOString() }
  await saveLock(home, { ...lock, [name]: entry })
  if (answer === undefined) {
    terminal.note(`${name} is added and waits for your yes: codegen plugins allow ${name}`)
    return exitCodes.done
  }
  // One that is disabled stays so.
  const plugin = before?.state === 'disabled' ? before : await allow(client, checked)
  terminal.print(renderPlugins([{ ...plugin, source: shown }], terminal))
  return plugin.state === 'serves' || plugin.state === 'disabled' ? exitCodes.done : exitCodes.failed
}

/** What was added before and is replaced now. What was not added by us is not ours to replace. */
async function findBefore(name: string, { client, root, lock }: Place): Promise<Plugin | undefined> {
  const installed = (await client.listPlugins(process.cwd())).plugins.find(
    (plugin) => plugin.name === name && !plugin.dev,
  )
  const isThere = await isFolder(folderOf(name, root))
  if (!installed && !isThere) return undefined
  if (Object.hasOwn(lock, name) && isThere) return installed
  const folder = installed?.folder ?? folderOf(name, root)
  throw new Failure(
    'request.invalid',
    `There is a plugin ${name} in ${folder} that codegen plugins add did not put there. Take it away first: codegen plugins remove ${name}`,
  )
}

function tell({ checked, fetched, shown }: Candidate, before: Plugin | undefined, terminal: Terminal): void {
  const { name, version } = checked
  const { colours } = terminal
  const from = before ? `${before.version} -> ${version}` : version
  terminal.print(`${colours.bold(name)} ${from}\n`)
  terminal.print(
    renderFact(
      'comes from',
      [shown, fetched.commit?.slice(0, 12), fetched.remark].filter(Boolean).join(', '),
      terminal,
    ),
  )
  const now = askedWords(checked)
  if (!before) terminal.print(renderFact('asks for', now.join('; ') || 'nothing', terminal))
  else if (isSame(before, checked))
    terminal.print(renderFact('asks for', `what it asked for before: ${now.join('; ') || 'nothing'}`, terminal))
  else {
    const earlier = askedWords(before)
    for (const words of now)
      terminal.print(renderFact(earlier.includes(words) ? 'as before' : colours.yellow('new'), words, terminal))
    for (const words of earlier) if (!now.includes(words)) terminal.print(renderFact('no more', words, terminal))
  }
}

type Asking = Pick<Plugin, 'permissions' | 'command'>

function isSame(one: Asking, other: Asking): boolean {
  return JSON.stringify(toComparable(one)) === JSON.stringify(toComparable(other))
}

function toComparable({ permissions, command = [] }: Asking): unknown[] {
  const { read, write, net, env, exec, hooks } = permissions
  return [command, ...[read, write, net, env, hooks.before, hooks.after].map((list) => list.toSorted()), exec]
}

async function putInPlace(name: string, folder: string, { root, scratch }: Place): Promise<void> {
  const target = folderOf(name, root)
  const aside = join(scratch, 'before')
  const hasBefore = await isFolder(target)
  if (hasBefore) await rename(target, aside)
  try {
    await rename(folder, target)
  } catch (error) {
    if (hasBefore) await rename(aside, target)
    throw error
  }
}

/** codegend may not have looked at it yet, or not at the version that was just put there. */
async function allow(client: Client, checked: Checked): Promise<Plugin> {
  const { name } = checked
  for (let tries = 0; ; tries += 1) {
    const known = (await client.listPlugins(process.cwd())).plugins.find(
      (plugin) => plugin.name === name && !plugin.dev,
    )
    if (known && isSame(known, checked)) {
      const plugin = await client.allowPlugin(name, { cwd: process.cwd() })
      if (plugin.state !== 'asks' || tries > limits.pluginLooksMax) return plugin
    }
    if (tries > limits.pluginLooksMax)
      throw new Failure('client.timeout', `codegend has not taken up ${name} yet; codegen plugins shows when it has.`)
    await pause(limits.pluginLookEveryMs)
  }
}

function folderOf(name: string, root: string): string {
  return join(root, name.replaceAll('/', '__'))
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}
