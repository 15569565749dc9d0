import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'

/** One exchange as the model saw it; times in milliseconds since 1970. */
export type Exchange = {
  arrivedAt: number
  endedAt: number
  bytes: number
  ending: string
  /** Of the peers' model: whether the agent's own tools came with it, and whether the last command's output did. */
  isMain?: boolean
  sawResult?: boolean
}

/** The scripted model in a process of its own, so that its work does not count as ours. */
export type ModelProcess = {
  readonly url: string
  /** The exchanges since the last call of this, once all of them have ended. */
  takeExchanges(): Promise<Exchange[]>
  /** What the peers' model does from the next request on. */
  play(script: { turns: number; words: number }): Promise<void>
  stop(): Promise<void>
}

/** Starts the model on `bench/scenario.yaml`, or another program of this folder that takes a log's path; it logs into `folder`. */
export async function startModelProcess(folder: string, other?: { program: string }): Promise<ModelProcess> {
  const here = import.meta.dirname
  const log = join(folder, 'model.jsonl')
  const scripted = [join(here, '..', 'scripted-model', 'src', 'main.ts'), join(here, 'scenario.yaml'), '--log', log]
  const parameters = ['--conditions=codegen-source', ...(other ? [join(here, other.program), log] : scripted)]
  const child = spawn(process.execPath, parameters, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [url] = await once(createInterface(child.stdout), 'line')
  const file = await open(log)
  let rest = ''

  async function readMore(): Promise<string> {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(1 << 24))
    return buffer.toString('utf8', 0, bytesRead)
  }

  return {
    url: String(url),
    async takeExchanges() {
      for (let attempt = 0; attempt < 400; attempt += 1) {
        rest += await readMore()
        const exchanges = toExchanges(rest)
        if (exchanges) {
          rest = ''
          return exchanges
        }
        await wait(5)
      }
      throw new Error('The scripted model has requests that it has not answered.')
    },
    async play(script) {
      await fetch(new URL('/script', String(url)), { method: 'POST', body: JSON.stringify(script) })
    },
    async stop() {
      await file.close()
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}

/** Undefined while a line is half written or an answer is missing. */
function toExchanges(text: string): Exchange[] | undefined {
  if (!text.endsWith('\n')) return undefined
  const byNumber = new Map<number, Exchange>()
  for (const line of text.trimEnd().split('\n')) {
    const { event, number, ...rest } = JSON.parse(line)
    byNumber.set(number, Object.assign(byNumber.get(number) ?? { endedAt: 0 }, rest))
    if (event === 'request') delete rest.body
  }
  const exchanges = [...byNumber.values()]
  return exchanges.every(({ endedAt }) => endedAt > 0) ? exchanges : undefined
}
