import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { collect } from '#chaos/collect'
import { allCrashPoints, crashPointsInTurn } from '#chaos/crash-points'
import { heal, strikeUntil } from '#chaos/faults'
import { createRandom } from '#chaos/random'
import { toReport, zerosOf } from '#chaos/report'
import { playRuns } from '#chaos/runs'
import type { Trial } from '#chaos/runs'
import { createWorld, removeFolder } from '#chaos/world'
import type { World } from '#chaos/world'

const usage = `usage: npm run chaos -- [--runs N] [--seed S] [--machines N] [--keep]

Runs the whole system while everything in it is killed, stopped, paused and cut, and holds what is on record against what really ran.
`
const replicas = 3
const settleMsMax = 120_000
const notesShown = 20

async function main(): Promise<number> {
  const options = readOptions()
  if (!options) {
    process.stderr.write(usage)
    return 2
  }
  const random = createRandom(options.seed)
  const world = await createWorld(
    { replicas, machines: options.machines, awayMsMax: 1_000, nextPoint: crashPointsInTurn(random.fork('points')) },
    random.fork('world'),
  )
  say(`three replicas, ${options.machines} machines; what they say is in ${world.folder}`)
  const startedAt = performance.now()
  let isGood = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void leave(world))
  try {
    const { trials, struck } = await trial(world, options.runs, random)
    const findings = await collect(world, trials)
    const trialled = {
      seed: options.seed,
      wanted: options.runs,
      seconds: (performance.now() - startedAt) / 1_000,
      struck,
      deaths: await readDeaths(world),
      crashPoints: allCrashPoints,
    }
    say('', ...toReport(findings, trialled))
    const wrong = zerosOf(findings, options.runs - trials.length).filter(([, count]) => count > 0)
    for (const [name, , notes] of wrong) say('', `${name}:`, ...notes.slice(0, notesShown).map((note) => `  ${note}`))
    isGood = wrong.length === 0
  } finally {
    await world.remove()
    if (isGood && !options.keep) await removeFolder(world)
    else say('', `logs are kept in ${world.folder}`)
  }
  return isGood ? 0 : 1
}

/** Broken off: nothing of it stays but its logs. */
async function leave(world: World): Promise<void> {
  await world.remove().finally(() => process.exit(130))
}

async function trial(world: World, count: number, random: ReturnType<typeof createRandom>) {
  const [faults, runs] = [new AbortController(), new AbortController()]
  const striking = strikeUntil(faults.signal, world, random.fork('faults'))
  let trials: Trial[] = []
  const playing = playRuns(world, count, random.fork('runs'), runs.signal).then((played) => (trials = played))
  const secondsMax = 60 + count * 2
  await Promise.race([playing, delay(secondsMax * 1_000, undefined, { ref: false })])
  faults.abort()
  const struck = await striking
  await heal(world)
  await Promise.race([playing, delay(settleMsMax, undefined, { ref: false })])
  runs.abort(new Error('The trial is over.'))
  await playing.catch(() => undefined)
  return { trials, struck }
}

async function readDeaths(world: World): Promise<Map<string, number>> {
  const deaths = new Map<string, number>()
  const text = await readFile(join(world.folder, 'deaths'), 'utf8').catch(() => '')
  for (const point of text.split('\n').filter(Boolean)) deaths.set(point, (deaths.get(point) ?? 0) + 1)
  return deaths
}

function readOptions(): { runs: number; seed: number; machines: number; keep: boolean } | undefined {
  try {
    const { values } = parseArgs({
      options: {
        runs: { type: 'string', default: '24' },
        seed: { type: 'string', default: '1' },
        machines: { type: 'string', default: '4' },
        keep: { type: 'boolean', default: false },
      },
    })
    const [runs, seed, machines] = [values.runs, values.seed, values.machines].map(Number)
    if (!runs || !machines || seed === undefined || !Number.isSafeInteger(seed) || runs < 1 || machines < 1)
      return undefined
    return { runs, seed, machines, keep: values.keep }
  } catch {
    return undefined
  }
}

function say(...lines: string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`)
}

process.exitCode = await main()
