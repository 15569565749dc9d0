import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Exchange, ModelProcess } from '#model-process'
import { usageOf } from '#usage-of-processes'
import type { Usage } from '#usage-of-processes'

/** A program to measure: how it is started for a prompt. */
export type Agent = {
  readonly name: string
  /** Whether it asks the model at all. */
  readonly asks: boolean
  /** Default: the Node that runs us. */
  readonly program?: string
  readonly parameters: readonly string[]
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
}

/** One run, seen from outside. Times in milliseconds. */
export type Measured = {
  readonly wallMs: number
  /** From the spawn to the first request; of a program that asks nothing, the whole run. */
  readonly firstMs: number
  /** From the end of each answer to the next request. */
  readonly turnsMs: readonly number[]
  /** From the end of the last answer to the exit. */
  readonly exitMs: number
  readonly firstBytes: number
  readonly exchanges: readonly Exchange[]
  /** When output came and how much; only when watched. */
  readonly output: readonly { readonly at: number; readonly text: string }[]
  readonly usage: Usage | undefined
}

/** Runs it once for a prompt. `watch` samples memory and processor time, which costs a little. Fails when the exit code is not 0. */
export async function measureRun(
  agent: Agent,
  model: ModelProcess,
  run: { prompt: string; watch?: boolean },
): Promise<Measured> {
  const startedAt = now()
  const child = spawn(agent.program ?? process.execPath, [...agent.parameters, run.prompt], {
    cwd: agent.cwd,
    env: agent.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output: { at: number; text: string }[] = []
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => output.push({ at: now(), text }))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const { pid = 0 } = child
  let usage: Usage | undefined
  const timer = run.watch ? setInterval(() => (usage = usageOf(pid) ?? usage), 10) : undefined
  const closed = once(child, 'close')
  const [code] = await once(child, 'exit')
  const endedAt = now()
  clearInterval(timer)
  await closed
  if (code !== 0) throw new Error(`${agent.name} ended with ${code}: ${errors.slice(-2000)}`)
  const exchanges = agent.asks ? await model.takeExchanges() : []
  const bad = exchanges.find(({ ending }) => ending !== 'sent')
  if (bad) throw new Error(`${agent.name} was answered with ${bad.ending}: ${errors.slice(-2000)}`)
  return { ...toTimes(exchanges, startedAt, endedAt), exchanges, output, usage }
}

function toTimes(all: readonly Exchange[], startedAt: number, endedAt: number) {
  // What an agent asks beside its work, for a title, is not a turn.
  const exchanges = all.filter(({ isMain }) => isMain !== false)
  const first = exchanges[0]
  const last = exchanges.at(-1)
  return {
    wallMs: endedAt - startedAt,
    firstMs: (first?.arrivedAt ?? endedAt) - startedAt,
    exitMs: endedAt - (last?.endedAt ?? endedAt),
    firstBytes: first?.bytes ?? 0,
    turnsMs: exchanges.slice(1).map(({ arrivedAt }, index) => arrivedAt - (exchanges[index]?.endedAt ?? arrivedAt)),
  }
}

function now(): number {
  return performance.timeOrigin + performance.now()
}
