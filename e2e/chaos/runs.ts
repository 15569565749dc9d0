import { setTimeout as delay } from 'node:timers/promises'
import { createDaemonClient } from './daemon-client.ts'
import type { DaemonClient } from './daemon-client.ts'
import type { Random } from './random.ts'
import { promptOf } from './scenario.ts'
import { watchOverHttp } from './viewers.ts'
import type { Viewer } from './viewers.ts'
import type { Machine, World } from './world.ts'

/** One run of the trial, and who watches it. */
export type Trial = {
  readonly name: string
  readonly machine: Machine
  readonly generationId: string
  readonly viewers: readonly Viewer[]
  /** Keys of inputs that were acknowledged. */
  readonly inputs: string[]
  isCancelled: boolean
}

const sideBySide = 8

/** Starts `count` runs, a few at a time, each from its machine or over HTTP; speaks to some and cancels a few. Resolves when each has been seen to end. */
export async function playRuns(world: World, count: number, random: Random, signal: AbortSignal): Promise<Trial[]> {
  const clients = new Map(world.machines.map((machine) => [machine, createDaemonClient(machine.home, signal)]))
  const trials: Trial[] = []
  let next = 1
  const work = async (): Promise<void> => {
    while (next <= count && !signal.aborted) {
      const name = `r${next}`
      next += 1
      const own = random.fork(name)
      const machine = own.pick(world.machines)
      const client = clients.get(machine)
      const wants = {
        isLocal: own.chance(0.6),
        isRestless: own.chance(0.5),
        input: own.chance(0.3),
        cancel: own.chance(0.04),
        waitMs: own.between(100, 2_500),
      }
      if (client) trials.push(await playRun({ world, name, random: own, machine, client, signal, wants }))
    }
  }
  await Promise.all(Array.from({ length: Math.min(sideBySide, count) }, work))
  for (const client of clients.values()) client.stop()
  return trials
}

/** What is to happen to a run, and where. */
export type Play = {
  readonly world: World
  readonly name: string
  readonly random: Random
  readonly machine: Machine
  readonly client: DaemonClient
  readonly signal: AbortSignal
  readonly wants: {
    /** Started from its machine, and watched there too. */
    readonly isLocal: boolean
    /** Its viewer leaves now and then. */
    readonly isRestless: boolean
    readonly input: boolean
    readonly cancel: boolean
    /** When it is spoken to. */
    readonly waitMs: number
  }
}

/** Starts a run, watches it, speaks to it or cancels it. Resolves when whoever watches has seen its end. */
export async function playRun(play: Play): Promise<Trial> {
  const { world, name, random, machine, client, signal, wants } = play
  const prompt = promptOf(name)
  const local = wants.isLocal
    ? await client.start({ prompt, cwd: machine.project, mode: 'auto', client_ref: `chaos-${name}` })
    : undefined
  const generationId = local?.generationId ?? (await startOverHttp(play, prompt))
  world.note(`run ${name} is ${generationId} on ${machine.member.name}`)
  const address = (): string => `http://127.0.0.1:${world.front.port}`
  const over = { generationId, token: world.token, address, signal }
  const viewers = [watchOverHttp({ ...over, random: random.fork('viewer'), isRestless: wants.isRestless })]
  if (local) viewers.push(local)
  const trial: Trial = { name, machine, generationId, viewers, inputs: [], isCancelled: false }
  const meddling = new AbortController()
  const meddled = meddle(play, trial, AbortSignal.any([signal, meddling.signal]))
  await Promise.all(viewers.map(({ done }) => done))
  meddling.abort()
  await meddled
  world.note(`run ${name} has ended`)
  return trial
}

async function startOverHttp(play: Play, prompt: string): Promise<string> {
  const { world, machine, name, signal } = play
  for (;;) {
    signal.throwIfAborted()
    const body = {
      executor_id: machine.executorId,
      prompt,
      cwd: machine.project,
      mode: 'auto',
      client_ref: `chaos-${name}`,
    }
    const answer = await post(world, '/v1/runs', body, signal)
    if (answer?.status === 202) return String(answer.body['generation_id'])
    await delay(100)
  }
}

/** Says something to a run, or asks for its end, while it goes on. */
async function meddle({ world, wants, signal: all }: Play, trial: Trial, signal: AbortSignal): Promise<void> {
  if (!wants.input && !wants.cancel) return
  await delay(wants.waitMs, undefined, { signal }).catch(() => undefined)
  if (signal.aborted) return
  const key = `say-${trial.name}`
  const path = `/v1/runs/${trial.generationId}/${wants.cancel ? 'cancel' : 'input'}`
  const body = wants.cancel ? { client_ref: key, reason: 'enough' } : { client_ref: key, content: 'Mind the gap.' }
  for (let tries = 0; tries < 20 && !signal.aborted; tries += 1) {
    // What is on its way when the run ends may still be taken: its answer is waited for.
    const answer = await post(world, path, body, all)
    if (answer?.status === 202) {
      if (wants.cancel) trial.isCancelled = true
      else trial.inputs.push(key)
    }
    if (answer && answer.status < 500) return
    await delay(100)
  }
}

async function post(
  world: World,
  path: string,
  body: object,
  signal: AbortSignal,
): Promise<{ status: number; body: Record<string, unknown> } | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${world.front.port}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${world.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]),
    })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  } catch {
    return undefined
  }
}
