import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bound, Sample } from './judge.ts'
import type { Held } from './watched-process.ts'
import type { World } from './world.ts'

/** One figure of the soak: whose, what, and how much it may grow. */
export type Figure = {
  readonly of: string
  readonly what: string
  readonly unit: string
  readonly bound: Bound | undefined
  readonly samples: Sample[]
}

type Kind = { readonly what: string; readonly unit: string; readonly bound?: Bound }

/** What may grow by how much. Memory has noise of its own: what a collection leaves behind, and pages that the allocator keeps. */
const heldKinds: Readonly<Record<keyof Held, Kind>> = {
  rss: { what: 'memory', unit: 'MB', bound: { growthMax: 15, perHourMax: 60 } },
  heap: { what: 'heap after collection', unit: 'MB', bound: { growthMax: 4, perHourMax: 20 } },
  external: { what: 'buffers', unit: 'MB', bound: { growthMax: 4, perHourMax: 20 } },
  descriptors: { what: 'descriptors', unit: '', bound: { growthMax: 6, perHourMax: 30 } },
  threads: { what: 'threads', unit: '', bound: { growthMax: 3, perHourMax: 12 } },
  children: { what: 'processes', unit: '', bound: { growthMax: 3, perHourMax: 12 } },
  timers: { what: 'timers', unit: '', bound: { growthMax: 6, perHourMax: 30 } },
}

/** What is on disk is bounded by its own limits, and told. */
const diskKinds = { journal: ['journal'], log: ['log'], 'plugin copies': ['cache'] } as const

export type Sampler = {
  readonly figures: readonly Figure[]
  /** Adds one sample to every figure. Fails when a process has ended. */
  take(): Promise<void>
}

export function createSampler(world: World): Sampler {
  const figures: Figure[] = []
  const startedAt = performance.now()
  const add = (of: string, { what, unit, bound }: Kind, value: number): void => {
    const found = figures.find((figure) => figure.of === of && figure.what === what)
    const figure = found ?? { of, what, unit, bound, samples: [] }
    if (!found) figures.push(figure)
    figure.samples.push({ atMs: performance.now() - startedAt, value })
  }
  return {
    figures,
    async take() {
      for (const [of, watched] of [
        ['codegend', world.daemon],
        ['maestro', world.maestro],
      ] as const) {
        const held = await watched.hold()
        for (const [key, kind] of Object.entries(heldKinds)) add(of, kind, held[key as keyof Held])
      }
      const bound = { growthMax: 3, perHourMax: 12 }
      add('postgres', { what: 'connections', unit: '', bound }, await countConnections(world))
      for (const [what, names] of Object.entries(diskKinds)) {
        add('disk', { what, unit: 'MB' }, await megabytesOf(world.home, names))
      }
    },
  }
}

async function countConnections({ database }: World): Promise<number> {
  const { rows } = await database.query(
    'SELECT count(*) AS count FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  )
  return Number(rows[0]?.count)
}

/** Of the files and folders whose names begin like this. */
async function megabytesOf(home: string, names: readonly string[]): Promise<number> {
  const found = (await readdir(home)).filter((entry) => names.some((name) => entry.startsWith(name)))
  let bytes = 0
  for (const entry of found) bytes += await bytesBelow(join(home, entry))
  return bytes / 1024 / 1024
}

async function bytesBelow(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined)
  if (!found?.isDirectory()) return found?.size ?? 0
  const names = await readdir(path).catch(() => [])
  const sizes = await Promise.all(names.map((name) => bytesBelow(join(path, name))))
  return sizes.reduce((sum, size) => sum + size, 0)
}
