import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '#chaos/random'
import { watchOverHttp } from '#chaos/viewers'
import { lookIn, openClient } from './client.ts'
import { brokenCode, goodCode, pluginNames } from './plugins.ts'
import { promptOf } from './scenario.ts'
import type { RunKind } from './scenario.ts'
import type { World } from './world.ts'

/** What was done so far, and what went wrong that should not have. */
export type Tally = {
  readonly runs: Map<string, number>
  readonly calls: Map<string, number>
  readonly reloads: Map<string, number>
  readonly faults: string[]
  viewers: number
}

export function noTally(): Tally {
  return { runs: new Map(), calls: new Map(), reloads: new Map(), faults: [], viewers: 0 }
}

export type Work = {
  readonly world: World
  readonly random: Random
  readonly tally: Tally
  /** No new work after that; what was begun is finished. */
  readonly signal: AbortSignal
}

const sideBySide = 3
const allowMsMax = 30_000
/** More than codegend's journal remembers, so that it holds as much from there on. */
const callsBeforehand = 12_000

/** What is to be over before anything is sampled: the plugins are installed, and the journal holds as many calls as it ever will. */
export async function prepare({ world }: Work): Promise<void> {
  await installPlugins(world)
  const { peer, close } = await openClient(world.home)
  const wish = { name: 'SteadyEcho', parameters: { text: 'x' }, cwd: world.project, mode: 'auto' as const }
  for (let number = 0; number < callsBeforehand; number += 1) {
    await peer.request('tools/call', { ...wish, client_ref: `before-${number}` }, { timeoutMs: 60_000 })
  }
  close()
}

/** Runs, calls and reloads until the signal. Resolves when all that was begun has ended. */
export async function workUntil(work: Work): Promise<void> {
  await Promise.all([
    ...Array.from({ length: sideBySide }, (_, lane) => playRuns(work, lane)),
    callTools(work),
    reloadPlugins(work),
  ])
}

async function installPlugins({ home, plugins }: World): Promise<void> {
  const { peer, close } = await openClient(home)
  for (const name of pluginNames) {
    plugins.drop(name, goodCode(name, 0))
    const isListed = async (): Promise<boolean> =>
      (await peer.request('plugins/list', {})).plugins.some((plugin) => plugin.name === name)
    while (!(await isListed())) await delay(50)
    const { plugin } = await peer.request('plugins/allow', { name }, { timeoutMs: allowMsMax })
    if (plugin.state !== 'serves') throw new Error(`${name} ${plugin.state}: ${plugin.problem}`)
  }
  close()
}

/** One run after the other, each with a client of its own, and viewers that come and go. */
async function playRuns(work: Work, lane: number): Promise<void> {
  const { random, signal } = work
  for (let number = lane + 1; !signal.aborted; number += sideBySide) {
    const own = random.fork(`run ${number}`)
    const kind: RunKind = own.pick(['work', 'work', 'work', 'work', 'work', 'work', 'flood', 'linger', 'linger'])
    await attempt(work, `run ${number}`, () => playRun(work, { kind, number, random: own }))
    await delay(own.between(0, 300))
  }
}

async function playRun(
  { world, tally }: Work,
  { kind, number, random }: { kind: RunKind; number: number; random: Random },
): Promise<void> {
  const client = await openClient(world.home)
  const viewing = new AbortController()
  try {
    const wish = { prompt: promptOf(kind, number), cwd: world.project, mode: 'auto' as const }
    const { generation_id } = await client.peer.request('run/start', { ...wish, client_ref: `soak-${number}` })
    const visits: Promise<void>[] = []
    if (random.chance(0.4))
      visits.push(lookIn(world.home, generation_id, random.between(10, 600)).catch(() => undefined))
    if (random.chance(0.4)) {
      const { token, address } = world
      const seen = { generationId: generation_id, token, address: () => address, random: random.fork('viewer') }
      visits.push(watchOverHttp({ ...seen, signal: viewing.signal, isRestless: random.chance(0.5) }).done)
    }
    tally.viewers += visits.length + 1
    const cancels = kind === 'linger' && random.chance(0.5)
    if (cancels) {
      await delay(random.between(0, 3_000))
      await client.peer.request('run/cancel', { generation_id }).catch(() => undefined)
    }
    const status = await client.ended(generation_id)
    add(tally.runs, status)
    if (status !== 'completed' && !(cancels && status === 'cancelled')) tally.faults.push(`run ${number}: ${status}`)
    await Promise.race([Promise.all(visits), delay(5_000, undefined, { ref: false })])
  } finally {
    viewing.abort()
    client.close()
  }
}

type ToolWish = { readonly name: string; readonly parameters: Record<string, unknown>; readonly mayFail?: boolean }

const wishes: readonly ToolWish[] = [
  { name: 'GetWorkingDirectory', parameters: {} },
  { name: 'ReadFile', parameters: { file_path: 'notes.txt' } },
  { name: 'SteadyEcho', parameters: { text: 'hello' } },
  { name: 'SteadyRead', parameters: {} },
  { name: 'SteadyWait', parameters: { ms: 300 } },
  { name: 'ComingEcho', parameters: { text: 'still here' }, mayFail: true },
  { name: 'CrashingEcho', parameters: { text: 'still here' }, mayFail: true },
  { name: 'CrashingCrash', parameters: {}, mayFail: true },
  { name: 'NobodysTool', parameters: {}, mayFail: true },
  { name: 'ReadFile', parameters: { file_path: 7 }, mayFail: true },
]

/** Calls without a model, one after the other; the client is another one after a while. */
async function callTools(work: Work): Promise<void> {
  const { world, random, tally, signal } = work
  let number = 0
  while (!signal.aborted) {
    await attempt(work, 'a client that calls tools', async () => {
      const { peer, close } = await openClient(world.home)
      for (let left = random.between(20, 200); left > 0 && !signal.aborted; left -= 1) {
        const { mayFail = false, ...wish } = random.pick(wishes)
        const place = { cwd: world.project, mode: 'auto' as const, client_ref: `call-${(number += 1)}` }
        const { status, says } = await peer.request('tools/call', { ...wish, ...place }, { timeoutMs: 60_000 }).then(
          (ended) => ({ status: ended.status, says: ended.error?.message ?? '' }),
          (error: unknown) => ({ status: 'refused', says: String(error) }),
        )
        add(tally.calls, status)
        if (status !== 'success' && !mayFail) tally.faults.push(`${wish.name}: ${status} ${says}`)
        await delay(random.between(0, 60))
      }
      close()
    })
  }
}

/** New versions, good and broken, folders that go and come back. */
async function reloadPlugins(work: Work): Promise<void> {
  const { world, random, tally, signal } = work
  for (let version = 1; !signal.aborted; version += 1) {
    const kind = random.pick(['good', 'good', 'broken', 'dropped', 'removed', 'mended'] as const)
    add(tally.reloads, kind)
    await attempt(work, `reload ${version}`, async () => {
      if (kind === 'good') world.plugins.write('steady', goodCode('steady', version))
      if (kind === 'broken') world.plugins.write('steady', brokenCode(version))
      if (kind === 'dropped') world.plugins.drop('coming', goodCode('coming', version))
      if (kind === 'removed') world.plugins.remove('coming')
      if (kind === 'mended') world.plugins.write('crashing', goodCode('crashing', version))
    })
    await delay(random.between(100, 900))
  }
}

/** What fails is a fault of the soak, which goes on. */
async function attempt({ tally }: Work, what: string, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    tally.faults.push(`${what}: ${String(error)}`)
    await delay(200)
  }
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}
