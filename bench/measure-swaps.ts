import { setTimeout as wait } from 'node:timers/promises'
import { neverEnds, toBrokenCode, toCode, toToolNames } from '#plugin-code'
import type { PluginPlace } from '#plugin-place'
import type { Row } from '#row'
import { usageOf } from '#usage-of-processes'

const names = ['swap1', 'swap2', 'swap3', 'swap4', 'swap5']
const swapsEach = 100
const slowCallMs = 400
/** More calls than the journal remembers: whatever follows, it holds as much, and the heap was once as big as calls make it. */
const warmUpCalls = 12_000
/** The calls before memory is read, so that it holds the same garbage each time. */
const pressureCalls = 3_000
const leaveMsMax = 35_000

/** Five plugins are swapped a hundred times each while all of them are called all the time. */
export async function measureSwaps(plugins: PluginPlace): Promise<Row[]> {
  for (const name of names) await plugins.install(name, 0)
  const failures: string[] = []
  for (let count = 0; count < warmUpCalls; count += 1) await plugins.call(toToolNames('swap1').version)
  // What calls alone leave of garbage and room for it: what swaps leave comes on top.
  const before = await memoryUnderPressure(plugins)
  const { memory, calls } = await swapAll(plugins, { from: 1, to: swapsEach }, failures)
  for (const name of names) plugins.removePlugin(name)
  const left = await processesAfter(plugins)
  for (const failure of new Set(failures)) process.stderr.write(`a call failed: ${failure}\n`)
  const what = `500 swaps among ${calls} calls`
  return [
    { what: `${what}, failed calls`, unit: '', ours: failures.length, budget: 0 },
    {
      what: 'codegend after 500 swaps, memory; floor: after calls alone',
      unit: 'MB',
      ours: memory,
      floor: before,
      budget: before + 5,
      because: 'floor + 5 MB',
    },
    { what: 'processes of removed plugins', unit: '', ours: left, budget: 0 },
  ]
}

type Range = { readonly from: number; readonly to: number }

async function swapAll(
  plugins: PluginPlace,
  range: Range,
  failures: string[],
): Promise<{ memory: number; calls: number }> {
  const counts = await Promise.all(names.map((name) => swapOne(plugins, name, range, failures)))
  const memory = await memoryUnderPressure(plugins)
  return { memory, calls: counts.reduce((sum, count) => sum + count, 0) }
}

/** Swaps one plugin again and again under calls. What serves when a call begins must serve it to its end, or a newer version must. */
async function swapOne(plugins: PluginPlace, name: string, range: Range, failures: string[]): Promise<number> {
  const tools = toToolNames(name)
  const serving = { version: range.from - 1, newest: range.from - 1 }
  const stop = new AbortController()
  let calls = 0
  const check = async (tool: string, parameters: Record<string, unknown>): Promise<void> => {
    const oldest = serving.version
    const { text, isSuccess } = await plugins.call(tool, parameters)
    calls += 1
    const version = Number(/^version (\d+)\.$/.exec(text)?.[1] ?? NaN)
    if (!isSuccess || !(version >= oldest && version <= serving.newest)) failures.push(`${tool}: ${text}`)
  }
  const load = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await check(tools.version, {})
      await wait(5)
    }
  }
  const loading = load()
  for (let version = range.from; version <= range.to; version += 1) {
    const slow = callOld(plugins, tools.slow, serving.version, failures)
    await slow.begun
    serving.newest = version
    await change(plugins, name, version)
    await plugins.callUntil(tools.version, `version ${version}.`)
    serving.version = version
    await slow.ended
    calls += 1
  }
  stop.abort()
  await loading
  return calls
}

/** A slow call that has to end on the version it began with. */
function callOld(plugins: PluginPlace, tool: string, version: number, failures: string[]) {
  const ended = plugins.call(tool, { ms: slowCallMs }).then(({ text }) => {
    if (text !== `version ${version}.`) failures.push(`${tool} begun on version ${version}: ${text}`)
  })
  // A call that follows on the same connection is answered after it has begun.
  const begun = plugins.call(tool, { ms: 0 })
  return { begun, ended }
}

/** Files replaced, folders replaced, broken versions first, and versions that will not end, by turns. */
async function change(plugins: PluginPlace, name: string, version: number): Promise<void> {
  const code = toCode(name, version, version % 4 === 3 ? neverEnds : '')
  if (version % 4 === 1) {
    plugins.replaceCode(name, toBrokenCode(version))
    await wait(version % 8 === 1 ? 400 : 20)
  }
  if (version % 2 === 0) plugins.drop(name, code)
  else plugins.replaceCode(name, code)
}

async function memoryUnderPressure(plugins: PluginPlace): Promise<number> {
  for (let count = 0; count < pressureCalls; count += 1) await plugins.call('GetWorkingDirectory')
  await wait(1_000)
  return usageOf(plugins.daemonPid)?.rssMb ?? NaN
}

async function processesAfter(plugins: PluginPlace): Promise<number> {
  const deadline = performance.now() + leaveMsMax
  for (;;) {
    const left = await plugins.countProcesses()
    if (left === 0 || performance.now() > deadline) return left
    await wait(100)
  }
}
