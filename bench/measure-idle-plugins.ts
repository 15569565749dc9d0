import { setTimeout as wait } from 'node:timers/promises'
import { toToolNames } from '#plugin-code'
import type { PluginPlace } from '#plugin-place'
import type { Row } from '#row'
import { median } from '#statistics'
import { usageOf } from '#usage-of-processes'

const installed = 30
const restarts = 5
const settleMs = 2_000

/** Codegend with thirty plugins it knows and runs none of, against the same without them; then the first call of each. */
export async function measureIdlePlugins(plugins: PluginPlace, bareMs: number): Promise<Row[]> {
  const names = Array.from({ length: installed }, (_, index) => `idle${index}`)
  const [without, withThem]: [number[], number[]] = [[], []]
  let processes = 0
  for (let count = 0; count < restarts; count += 1) {
    for (const name of names) plugins.removePlugin(name)
    without.push(await memoryAfterRestart(plugins))
    for (const name of names) await plugins.install(name, 1)
    withThem.push(await memoryAfterRestart(plugins))
    processes = Math.max(processes, await plugins.countProcesses())
  }
  const cold: number[] = []
  for (const name of names) {
    const startedAt = performance.now()
    await plugins.callUntil(toToolNames(name).version, 'version 1.')
    cold.push(performance.now() - startedAt)
  }
  return [
    { what: '30 idle plugins, memory of codegend', unit: 'MB', ours: median(withThem) - median(without), budget: 10 },
    { what: '30 idle plugins, processes', unit: '', ours: processes, budget: 0 },
    { what: 'first call of an idle plugin', unit: 'ms', ours: median(cold), floor: bareMs, budget: 150 },
  ]
}

async function memoryAfterRestart(plugins: PluginPlace): Promise<number> {
  await plugins.restart()
  await wait(settleMs)
  return usageOf(plugins.daemonPid)?.rssMb ?? NaN
}
