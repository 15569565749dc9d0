import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { freePort } from '@codegen/e2e/demo/free-port'
import { toEnvironment } from '@codegen/e2e/demo/environment'
import { createBenchPlace } from '#bench-place'
import type { BenchPlace } from '#bench-place'
import { startCountingProxy } from '#counting-proxy'
import type { CountingProxy } from '#counting-proxy'
import { measureRun } from '#measure-run'
import type { Row } from '#row'

const token = 'the-token-of-the-benchmark'

/** What codegend sends to a Maestro on the network in a run of 51 answers, the handshake included. */
export async function measureWire(model: BenchPlace['model']): Promise<Row[]> {
  const home = await mkdtemp(join(tmpdir(), 'codegen-'))
  const port = await freePort()
  const proxy = await startCountingProxy(port)
  try {
    const maestro = await startMaestro({
      ...toEnvironment(home, model.url),
      MAESTRO_PORT: `${port}`,
      MAESTRO_TOKENS: token,
    })
    try {
      return await countRun(model, proxy)
    } finally {
      maestro.kill('SIGTERM')
      if (maestro.exitCode === null) await once(maestro, 'exit')
    }
  } finally {
    await proxy.stop()
    await rm(home, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function countRun(model: BenchPlace['model'], proxy: CountingProxy): Promise<Row[]> {
  const url = `ws://127.0.0.1:${proxy.port}/v1/executor`
  const place = await createBenchPlace({ CODEGEN_MAESTRO_URL: url, CODEGEN_TOKEN: token })
  try {
    await measureRun(place.codegen, model, { prompt: 'take fifty turns' })
    return [{ what: 'codegend to Maestro, 51 turns', unit: 'kB', ours: proxy.bytesUp() / 1000, budget: 60 }]
  } finally {
    await place.remove()
  }
}

async function startMaestro(env: NodeJS.ProcessEnv) {
  const program = join(import.meta.dirname, '..', 'maestro', 'bin', 'maestro.js')
  const maestro = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  await Promise.race([once(createInterface(maestro.stdout), 'line'), once(maestro, 'exit')])
  if (maestro.exitCode !== null) throw new Error(`maestro ended with ${maestro.exitCode}`)
  return maestro
}
