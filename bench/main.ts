import { cpus, loadavg, release } from 'node:os'
import { createBenchPlace } from '#bench-place'
import type { BenchPlace } from '#bench-place'
import { measureDeltas } from '#measure-deltas'
import { measureIdle } from '#measure-idle'
import { measureLongRun } from '#measure-long-run'
import { measurePlugins } from '#measure-plugins'
import { measureStarts } from '#measure-starts'
import { measureTurns } from '#measure-turns'
import { measureWire } from '#measure-wire'
import { toPeerTable, toTable } from '#row'
import type { Row } from '#row'
import { measurePeers } from '#measure-peers'

const sections: readonly [string, (place: BenchPlace) => Promise<Row[]>][] = [
  ['starts', measureStarts],
  ['turns', measureTurns],
  ['deltas', measureDeltas],
  ['idle', measureIdle],
  ['long', measureLongRun],
  ['wire', (place) => measureWire(place.model)],
  ['plugins', (place) => measurePlugins(place.model)],
]

/** Measures the sections that were named, or all, and prints one table; with `PEERS_DIR` set, also that of the other agents. */
async function main(names: readonly string[]): Promise<void> {
  if (names.length !== 1 || names[0] !== 'peers') await measureOurs(names)
  if (names.length > 0 && !names.includes('peers')) return
  const folder = process.env['PEERS_DIR']
  if (folder) return console.log(toPeerTable(await measurePeers(folder)))
  process.stderr.write(
    'peers: set PEERS_DIR to a folder with codex, pi and opencode, each installed with npm in a folder of its name.\n',
  )
}

async function measureOurs(names: readonly string[]): Promise<void> {
  const place = await createBenchPlace()
  const rows: Row[] = []
  try {
    for (const [name, measure] of sections) {
      if (names.length > 0 && !names.includes(name)) continue
      process.stderr.write(`${name} ...\n`)
      try {
        rows.push(...(await measure(place)))
      } catch (error) {
        // What the others measured is still worth a table.
        process.stderr.write(`${name} failed: ${String(error)}\n`)
        process.exitCode = 1
      }
    }
  } finally {
    await place.remove()
  }
  const load = loadavg()[0]?.toFixed(1)
  console.log(
    `\n${cpus().length} processors, Node ${process.version}, ${process.platform} ${release()}, load ${load}\n`,
  )
  console.log(toTable(rows))
}

await main(process.argv.slice(2))
