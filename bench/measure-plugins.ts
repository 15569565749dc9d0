import { createBenchPlace } from '#bench-place'
import type { BenchPlace } from '#bench-place'
import { measureIdlePlugins } from '#measure-idle-plugins'
import { measureRun } from '#measure-run'
import { measureSwaps } from '#measure-swaps'
import { toCode, toToolNames } from '#plugin-code'
import { createPluginPlace } from '#plugin-place'
import type { PluginPlace } from '#plugin-place'
import type { Row } from '#row'
import { median } from '#statistics'

const drops = 15
const warmCalls = 400
const warmUpCalls = 50

/** What plugins cost: until they can be called, until a new version answers, a call, and while they are idle. */
export async function measurePlugins(model: BenchPlace['model']): Promise<Row[]> {
  const place = await createBenchPlace({}, model)
  try {
    const plugins = await createPluginPlace(place)
    const bareMs = await measureBareNode(place)
    const rows = [
      ...(await measureChanges(plugins, bareMs)),
      ...(await measureWarmCalls(plugins)),
      ...(await measureSwaps(plugins)),
      ...(await measureIdlePlugins(plugins, bareMs)),
    ]
    await plugins.close()
    return rows
  } finally {
    await place.remove()
  }
}

async function measureBareNode(place: BenchPlace): Promise<number> {
  const runs: number[] = []
  for (let count = 0; count < drops; count += 1) {
    runs.push((await measureRun(place.bareNode, place.model, { prompt: '' })).wallMs)
  }
  return median(runs)
}

/** Drops and swaps take turns, each with content that was never seen, each until a call was answered by what is there then. */
async function measureChanges(plugins: PluginPlace, floor: number): Promise<Row[]> {
  const { version: tool } = toToolNames('changing')
  await plugins.install('changing', 0)
  const [dropped, swapped]: [number[], number[]] = [[], []]
  for (let count = 1; count <= drops; count += 1) {
    plugins.removePlugin('changing')
    while ((await plugins.call(tool)).isSuccess);
    dropped.push(await timeUntil(plugins, tool, 2 * count, (code) => plugins.drop('changing', code)))
    swapped.push(await timeUntil(plugins, tool, 2 * count + 1, (code) => plugins.replaceCode('changing', code)))
  }
  plugins.removePlugin('changing')
  return [
    { what: 'plugin dropped to its first answer', unit: 'ms', ours: median(dropped), floor, budget: 400 },
    { what: 'plugin changed to its first answer', unit: 'ms', ours: median(swapped), floor, budget: 300 },
  ]
}

async function timeUntil(
  plugins: PluginPlace,
  tool: string,
  version: number,
  change: (code: string) => void,
): Promise<number> {
  const code = toCode('changing', version)
  const startedAt = performance.now()
  change(code)
  await plugins.callUntil(tool, `version ${version}.`)
  return performance.now() - startedAt
}

/** The same work in codegend and in a plugin's process, by turns. */
async function measureWarmCalls(plugins: PluginPlace): Promise<Row[]> {
  await plugins.install('warm', 1)
  const { cwd } = toToolNames('warm')
  const [ours, floor]: [number[], number[]] = [[], []]
  const time = async (tool: string): Promise<number> => {
    const startedAt = performance.now()
    const { isSuccess, text } = await plugins.call(tool)
    if (!isSuccess) throw new Error(`${tool} failed: ${text}`)
    return performance.now() - startedAt
  }
  for (let count = -warmUpCalls; count < warmCalls; count += 1) {
    const [inline, isolated] = [await time('GetWorkingDirectory'), await time(cwd)]
    if (count >= 0) floor.push(inline)
    if (count >= 0) ours.push(isolated)
  }
  plugins.removePlugin('warm')
  return [
    {
      what: 'warm call of a plugin, against a built-in',
      unit: 'ms',
      ours: median(ours),
      floor: median(floor),
      budget: median(floor) + 2,
      because: 'built-in + 2 ms',
    },
  ]
}
