import { setTimeout as delay } from 'node:timers/promises'
import type { Member } from './member.ts'
import type { Random } from './random.ts'
import type { Machine, World } from './world.ts'

type Fault = {
  readonly name: string
  readonly weight: number
  strike(world: World, random: Random): void | Promise<void>
}

const faults: readonly Fault[] = [
  { name: 'kill a replica', weight: 5, strike: (world, random) => upReplica(world, random)?.kill('SIGKILL') },
  {
    name: 'drain a replica',
    weight: 3,
    strike(world, random) {
      const replica = upReplica(world, random)
      if (!replica) return
      world.lose({ kind: 'drain', writer: writerOf(replica) })
      replica.kill('SIGTERM')
    },
  },
  {
    name: 'pause a replica',
    weight: 2,
    strike: (world, random) => pauseReplica(world, random, random.between(300, 4_000)),
  },
  {
    name: 'pause a replica for long',
    weight: 0.3,
    strike: (world, random) => pauseReplica(world, random, random.between(32_000, 40_000)),
  },
  { name: 'kill codegend', weight: 4, strike: (world, random) => machineOf(world, random).member.kill('SIGKILL') },
  { name: 'stop codegend', weight: 1, strike: (world, random) => machineOf(world, random).member.kill('SIGTERM') },
  {
    name: 'restart codegend as planned',
    weight: 3,
    strike(world, random) {
      const { member, executorId } = machineOf(world, random)
      if (member.pid() === undefined) return
      world.lose({ kind: 'restart', executorId })
      return member.startBeside(['--take-over'])
    },
  },
  {
    name: 'kill a codegend that hands over',
    weight: 0.5,
    strike: (world, random) => machineOf(world, random).member.signalOthers('SIGKILL'),
  },
  {
    name: 'cut a link',
    weight: 8,
    strike(world, random) {
      const machine = machineOf(world, random)
      world.lose({ kind: 'cut', executorId: machine.executorId })
      machine.link.cut(random.chance(0.5))
    },
  },
  {
    name: 'freeze a link',
    weight: 0.5,
    strike(world, random) {
      const machine = machineOf(world, random)
      world.lose({ kind: 'freeze', executorId: machine.executorId })
      machine.link.freeze()
    },
  },
  {
    name: 'slow a link',
    weight: 1,
    async strike(world, random) {
      const machine = machineOf(world, random)
      machine.link.delay(random.between(20, 300))
      await delay(random.between(500, 3_000))
      machine.link.delay(0)
    },
  },
  { name: 'cut the viewers', weight: 3, strike: (world, random) => world.front.cut(random.chance(0.5)) },
  { name: 'empty Redis', weight: 2, strike: (world) => world.redis.flush() },
  { name: 'restart Redis', weight: 0.7, strike: (world, random) => world.redis.restart(random.between(0, 2_000)) },
  { name: 'end the connections of Postgres', weight: 1, strike: endBackends },
  { name: 'Postgres away', weight: 0.5, strike: takePostgresAway },
  {
    name: 'slow Postgres',
    weight: 0.7,
    async strike(world, random) {
      world.postgres.delay(random.between(10, 60))
      await delay(random.between(500, 2_000))
      world.postgres.delay(0)
    },
  },
]

/** Strikes again and again until `signal`; resolves when what was under way is over. Returns how often each fault struck. */
export async function strikeUntil(signal: AbortSignal, world: World, random: Random): Promise<Map<string, number>> {
  const struck = new Map<string, number>()
  const underWay = new Map<string, Promise<void>>()
  const total = faults.reduce((sum, { weight }) => sum + weight, 0)
  for (;;) {
    await delay(random.between(150, 1_000), undefined, { signal }).catch(() => undefined)
    if (signal.aborted) break
    let at = random.next() * total
    const fault = faults.find(({ weight }) => (at -= weight) < 0) ?? faults[0]
    if (!fault || underWay.has(fault.name)) continue
    struck.set(fault.name, (struck.get(fault.name) ?? 0) + 1)
    world.note(fault.name)
    const striking = Promise.resolve(fault.strike(world, random))
      .catch((thrown: unknown) => world.note(`${fault.name} failed: ${String(thrown)}`))
      .finally(() => underWay.delete(fault.name))
    underWay.set(fault.name, striking)
  }
  await Promise.all(underWay.values())
  return struck
}

/** Everything that was taken away is there again. */
export async function heal(world: World): Promise<void> {
  world.postgres.accept()
  for (const proxy of [world.postgres, world.front, ...world.machines.map(({ link }) => link)]) proxy.delay(0)
  for (const replica of world.replicas) if (replica.isPaused()) replica.resume()
  // What is half-open would take its time to be found: that has been seen by now.
  for (const { link } of world.machines) link.cut(false)
  world.front.cut(false)
}

/** Now and then the last one goes too; most of the time a run has somewhere to go. */
function upReplica(world: World, random: Random): Member | undefined {
  const up = world.replicas.filter((replica) => replica.isUp())
  if (up.length === 1 && !random.chance(0.1)) return undefined
  return up.length > 0 ? random.pick(up) : undefined
}

function machineOf(world: World, random: Random): Machine {
  return random.pick(world.machines)
}

function writerOf(replica: Member): string {
  return `${replica.name.replace('maestro-', '')}.${replica.incarnation()}`
}

async function pauseReplica(world: World, random: Random, ms: number): Promise<void> {
  const replica = upReplica(world, random)
  if (!replica) return
  world.lose({ kind: 'freeze', writer: writerOf(replica) })
  replica.pause()
  await delay(ms)
  replica.resume()
}

async function endBackends(world: World): Promise<void> {
  await world.database.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
  )
}

async function takePostgresAway(world: World, random: Random): Promise<void> {
  const outage = { from: Date.now(), to: Number.POSITIVE_INFINITY }
  world.outages.push(outage)
  world.postgres.refuse()
  await delay(random.between(500, 5_000))
  world.postgres.accept()
  // Whoever waits tries again within two seconds.
  outage.to = Date.now() + 2_000
}
