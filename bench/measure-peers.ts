import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBenchPlace } from '#bench-place'
import type { BenchPlace } from '#bench-place'
import { measureRun } from '#measure-run'
import type { Agent, Measured } from '#measure-run'
import { startModelProcess } from '#model-process'
import type { ModelProcess } from '#model-process'
import { findPeers } from '#peers'
import type { Peer } from '#peers'
import { median, p95 } from '#statistics'

const prompt = 'Run the steps you need, one at a time, then say you are done.'
const rounds = 5
const scripts = { none: { turns: 0, words: 12 }, fifty: { turns: 50, words: 12 }, talk: { turns: 0, words: 4_000 } }

/** One agent's line: medians of the rounds, in milliseconds unless the name says otherwise. */
export type PeerLine = { readonly agent: string; readonly figures: Readonly<Record<string, string>> }

/**
 * Measures us, the floor agent and the agents in `PEERS_DIR` side by side, in turns, against one model without latency: what is left is each agent's
 * own. What every agent's first run prepares is done before.
 */
export async function measurePeers(peersFolder: string): Promise<PeerLine[]> {
  const scratch = await mkdtemp(join(tmpdir(), 'codegen-peers-'))
  const model = await startModelProcess(scratch, { program: 'peer-model.ts' })
  const place = await createBenchPlace({}, model)
  try {
    const { found, missing } = findPeers(peersFolder)
    const agents = [
      place.floor,
      place.codegen,
      ...(await Promise.all(found.map((peer) => toAgent(peer, place, scratch)))),
    ]
    const lines = await measureAgents(agents, model)
    return [...lines, ...missing.map((agent) => ({ agent, figures: { 'first request': 'not installed' } }))]
  } finally {
    await place.remove()
    await model.stop()
    await rm(scratch, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function toAgent(peer: Peer, place: BenchPlace, scratch: string): Promise<Agent> {
  const home = join(scratch, peer.name)
  const { cwd } = place.floor
  await peer.prepare({ home, folder: cwd, modelUrl: place.model.url })
  const { program, parameters, name } = peer
  const env = {
    ...place.floor.env,
    ...peer.environment,
    HOME: home,
    XDG_CONFIG_HOME: join(home, '.config'),
    XDG_DATA_HOME: join(home, '.local', 'share'),
    XDG_STATE_HOME: join(home, '.local', 'state'),
    XDG_CACHE_HOME: join(home, '.cache'),
    TERM: 'dumb',
    NO_COLOR: '1',
    DO_NOT_TRACK: '1',
  }
  return { name, program, asks: true, parameters, cwd, env }
}

type Runs = Record<keyof typeof scripts, Measured[]>

async function measureAgents(agents: readonly Agent[], model: ModelProcess): Promise<PeerLine[]> {
  const runs = new Map<string, Runs>(agents.map(({ name }) => [name, { none: [], fifty: [], talk: [] }]))
  for (let round = 0; round <= rounds; round += 1) {
    for (const kind of ['none', 'fifty', 'talk'] as const) {
      process.stderr.write(`round ${round} of ${rounds}: ${kind}\n`)
      for (const agent of agents) {
        const run = await measureScript(agent, model, kind)
        runs.get(agent.name)?.[kind].push(run)
      }
    }
  }
  return [...runs].map(([agent, measured]) => ({ agent, figures: toFigures(withoutFirst(measured)) }))
}

/** The first round warms homes, caches and servers. */
function withoutFirst({ none, fifty, talk }: Runs): Runs {
  return { none: none.slice(1), fifty: fifty.slice(1), talk: talk.slice(1) }
}

async function measureScript(agent: Agent, model: ModelProcess, kind: keyof typeof scripts): Promise<Measured> {
  await model.play(scripts[kind])
  const run = await measureRun(agent, model, { prompt })
  if (run.exchanges.every(({ sawResult }) => sawResult !== false)) return run
  throw new Error(`${agent.name} lost the output of a command.`)
}

function toFigures({ none, fifty, talk }: Runs): Record<string, string> {
  const turns = fifty.flatMap(({ turnsMs }) => turnsMs)
  const spoken = (run: Measured): number => run.wallMs - run.firstMs
  const delta = ((median(talk.map(spoken)) - median(none.map(spoken))) * 1_000) / scripts.talk.words
  const sent = fifty.map(({ exchanges }) => exchanges.reduce((sum, { bytes }) => sum + bytes, 0))
  return {
    'first request': ms(median(none.map(({ firstMs }) => firstMs))),
    'a turn': ms(median(turns)),
    '95 of 100': ms(p95(turns)),
    '50 turns': ms(median(fifty.map(({ wallMs }) => wallMs))),
    'to exit': ms(median(none.map(({ exitMs }) => exitMs))),
    'a delta': `${delta.toFixed(0)} us`,
    'first body': kilobytes(median(none.map(({ firstBytes }) => firstBytes))),
    'bodies of 51': kilobytes(median(sent)),
  }
}

function ms(value: number): string {
  return `${value.toFixed(value < 100 ? 1 : 0)} ms`
}

function kilobytes(value: number): string {
  return `${(value / 1_000).toFixed(1)} kB`
}
