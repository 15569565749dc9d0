import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createRandom } from '#chaos/random'
import { pluginNames } from '#soak/plugins'
import { judgeFigures, toCounts, toLine, toTable } from '#soak/report'
import { createSampler } from '#soak/sample'
import type { Sampler } from '#soak/sample'
import { noTally, prepare, workUntil } from '#soak/work'
import type { Tally } from '#soak/work'
import { createWorld, removeFolder } from '#soak/world'
import type { World } from '#soak/world'

const usage = `usage: npm run soak -- [--minutes N] [--warm-up N] [--seed S] [--keep]

Lets codegend and Maestro work for N minutes (10) after a warm-up (2), with plugins that change all the time, and fails when what they hold is not flat.
`
const sampleEveryMsMax = 5_000
/** A short soak has enough samples, too. */
const samplesMin = 20
const sayEveryMs = 30_000
const settleMsMax = 60_000
const faultsShown = 20

async function main(): Promise<number> {
  const options = readOptions()
  if (!options) {
    process.stderr.write(usage)
    return 2
  }
  const world = await createWorld()
  say(`what codegend and Maestro say is in ${world.folder}`)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void leave(world))
  const tally = noTally()
  let isGood = false
  try {
    const sampler = await soak(world, tally, options)
    const left = await processesLeft(world)
    const findings = judgeFigures(sampler.figures)
    const grows = findings.filter(({ verdict }) => verdict === 'grows' || verdict === 'too few samples')
    say('', ...toTable(findings), '', toCounts(tally), `processes left after the plugins were removed: ${left}`)
    say(...tally.faults.slice(0, faultsShown).map((fault) => `fault: ${fault}`))
    say(...grows.map(({ figure, verdict }) => `not flat: ${figure.of}, ${figure.what} (${verdict})`))
    isGood = grows.length === 0 && tally.faults.length === 0 && left === 0
  } finally {
    const killed = await world.remove()
    for (const name of killed) say(`${name} did not leave by itself`)
    isGood &&= killed.length === 0
    if (isGood && !options.keep) await removeFolder(world)
    else say(`logs are kept in ${world.folder}`)
  }
  say(isGood ? 'flat' : 'NOT FLAT')
  return isGood ? 0 : 1
}

/** Broken off: nothing of it stays but its logs. */
async function leave(world: World): Promise<void> {
  await world.remove().finally(() => process.exit(130))
}

async function soak(world: World, tally: Tally, options: { minutes: number; warmUp: number; seed: number }) {
  const stop = new AbortController()
  const work = { world, tally, random: createRandom(options.seed), signal: stop.signal }
  await prepare(work)
  const working = workUntil(work)
  const failed = working.then(() => undefined)
  await Promise.race([failed, delay(options.warmUp * 60_000)])
  const sampler = createSampler(world)
  try {
    await sampleFor(sampler, tally, options.minutes * 60_000)
  } finally {
    stop.abort()
  }
  await Promise.race([
    failed,
    delay(settleMsMax, undefined, { ref: false }).then(() => tally.faults.push('work did not end')),
  ])
  return sampler
}

async function sampleFor(sampler: Sampler, tally: Tally, ms: number): Promise<void> {
  const startedAt = performance.now()
  const everyMs = Math.min(sampleEveryMsMax, ms / samplesMin)
  let saidAt = startedAt
  while (performance.now() - startedAt < ms) {
    await sampler.take()
    if (performance.now() - saidAt >= sayEveryMs) {
      saidAt = performance.now()
      say(toLine(sampler.figures, tally, (saidAt - startedAt) / 1_000))
    }
    await delay(everyMs)
  }
}

/** How many processes codegend still has, some time after its last plugin was removed. */
async function processesLeft({ daemon, plugins }: World): Promise<number> {
  for (const name of pluginNames) plugins.remove(name)
  const deadline = performance.now() + settleMsMax
  for (;;) {
    const { children } = await daemon.hold()
    if (children === 0 || performance.now() > deadline) return children
    await delay(500)
  }
}

function readOptions(): { minutes: number; warmUp: number; seed: number; keep: boolean } | undefined {
  try {
    const { values } = parseArgs({
      options: {
        minutes: { type: 'string', default: '10' },
        'warm-up': { type: 'string', default: '2' },
        seed: { type: 'string', default: '1' },
        keep: { type: 'boolean', default: false },
      },
    })
    const [minutes = 0, warmUp = -1, seed = NaN] = [values.minutes, values['warm-up'], values.seed].map(Number)
    if (!(minutes > 0) || !(warmUp >= 0) || !Number.isSafeInteger(seed)) return undefined
    return { minutes, warmUp, seed, keep: values.keep }
  } catch {
    return undefined
  }
}

function say(...lines: string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''))
}

process.exitCode = await main()
