import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { connectToDaemon } from '@codegen/e2e/demo/daemon-client'
import type { DaemonClient } from '@codegen/e2e/demo/daemon-client'
import { readProc } from '#daemon-family'
import type { BenchPlace } from '#bench-place'
import { measureRun } from '#measure-run'
import { toCode, toManifest } from '#plugin-code'

/** A codegend with plugins that come and go, and a client of it. */
export type PluginPlace = {
  readonly daemonPid: number
  /** Renames a folder with a whole plugin of this code into place; one that is there is renamed away just before. Synchronous, so that its end is a moment. */
  drop(name: string, code: string): void
  /** Puts another plugin.js in the place of the one that is there, in one rename. */
  replaceCode(name: string, code: string): void
  removePlugin(name: string): void
  /** Drops it, says yes to what it asks for, and resolves when its tools can be called. */
  install(name: string, version: number): Promise<void>
  call(tool: string, parameters?: Record<string, unknown>): Promise<CallEnd>
  /** Calls the tool until a call of it ends with success and says this. */
  callUntil(tool: string, says: string): Promise<void>
  countProcesses(): Promise<number>
  /** Ends codegend, and starts it again where nothing of its plugins runs. */
  restart(): Promise<void>
  close(): Promise<void>
}

export type CallEnd = { readonly text: string; readonly isSuccess: boolean }

const pollMs = 3
/** Long enough for a machine so busy that a plugin is late and tried again. */
const answerMsMax = 60_000

/** Starts a codegend in the place. */
export async function createPluginPlace(place: BenchPlace): Promise<PluginPlace> {
  const home = String(place.codegen.env['CODEGEN_HOME'])
  const [plugins, aside] = [join(home, 'plugins'), join(home, 'aside')]
  for (const folder of [plugins, aside]) mkdirSync(folder, { recursive: true, mode: 0o700 })
  let { client, pid } = await startAndConnect(place, home)
  let count = 0

  function writeAside(name: string, code: string): string {
    const folder = join(aside, `${(count += 1)}`)
    mkdirSync(folder, { mode: 0o700 })
    writeFileSync(join(folder, 'package.json'), toManifest(name), { mode: 0o600 })
    writeFileSync(join(folder, 'plugin.js'), code, { mode: 0o600 })
    return folder
  }

  async function call(name: string, parameters: Record<string, unknown> = {}): Promise<CallEnd> {
    const client_ref = `bench-${(count += 1)}`
    const wish = { name, parameters, cwd: place.codegen.cwd, mode: 'auto' as const, client_ref }
    return client.peer.request('tools/call', wish, { timeoutMs: 60_000 }).then(
      ({ status, result, error }) => ({
        text: status === 'success' ? String(result) : `${status}: ${error?.message}`,
        isSuccess: status === 'success',
      }),
      (error: unknown) => ({ text: String(error), isSuccess: false }),
    )
  }

  async function callUntil(tool: string, says: string): Promise<void> {
    const deadline = performance.now() + answerMsMax
    for (;;) {
      const { text, isSuccess } = await call(tool)
      if (isSuccess && text.includes(says)) return
      if (performance.now() > deadline) {
        const { plugins: listed } = await client.peer.request('plugins/list', {})
        const states = listed.map(({ name, state, problem }) => `${name} ${state} ${problem ?? ''}`)
        throw new Error(`${tool} never said ${says}; its last word was: ${text}. Plugins: ${states.join('; ')}`)
      }
      await wait(pollMs)
    }
  }

  function drop(name: string, code: string): void {
    const fresh = writeAside(name, code)
    const old = join(aside, `old-${count}`)
    renameIfThere(join(plugins, name), old)
    renameSync(fresh, join(plugins, name))
    rmSync(old, { recursive: true, force: true })
  }

  return {
    get daemonPid() {
      return pid
    },
    drop,
    replaceCode(name, code) {
      const fresh = writeAside(name, code)
      renameSync(join(fresh, 'plugin.js'), join(plugins, name, 'plugin.js'))
      rmSync(fresh, { recursive: true })
    },
    removePlugin(name) {
      const old = join(aside, `old-${(count += 1)}`)
      renameIfThere(join(plugins, name), old)
      rmSync(old, { recursive: true, force: true })
    },
    async install(name, version) {
      drop(name, toCode(name, version))
      const isListed = async () =>
        (await client.peer.request('plugins/list', {})).plugins.some((plugin) => plugin.name === name)
      while (!(await isListed())) await wait(20)
      const { plugin } = await client.peer.request('plugins/allow', { name }, { timeoutMs: 20_000 })
      if (plugin.state !== 'serves') throw new Error(`${name} ${plugin.state}: ${plugin.problem}`)
    },
    call,
    callUntil,
    countProcesses: () => countRunning(join(home, 'cache', 'plugins')),
    async restart() {
      client.close()
      await place.stopDaemon()
      ;({ client, pid } = await startAndConnect(place, home))
    },
    async close() {
      client.close()
      await place.stopDaemon()
    },
  }
}

async function startAndConnect(place: BenchPlace, home: string): Promise<{ client: DaemonClient; pid: number }> {
  await measureRun(place.codegen, place.model, { prompt: 'say hello' })
  const client = await connectToDaemon(home, { kind: 'bench' })
  if (!client) throw new Error('codegend does not listen.')
  return { client, pid: (await client.peer.request('daemon/status', {})).pid }
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
}

/** Processes that were started with something below this folder, whoever their parent is by now. */
async function countRunning(folder: string): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  return pids.filter((pid) => readProc(Number(pid), 'cmdline').includes(folder)).length
}
