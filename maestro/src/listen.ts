import { mkdir, unlink } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { Failure } from '@codegen/protocol/failure'
import type { Config } from './config.ts'

/** Starts to listen and returns where executors connect. Fails with config.invalid when the address cannot be had. */
export async function listen(app: FastifyInstance, address: Config['listen']): Promise<string> {
  if (address.kind === 'unix') return listenOnSocket(app, address.path)
  const { host, port } = address
  try {
    const url = new URL(await app.listen({ host, port }))
    return `ws://${url.host}/v1/executor`
  } catch (cause) {
    const reason =
      cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE'
        ? 'another program has it'
        : String(cause)
    throw new Failure(
      'config.invalid',
      `Maestro cannot listen on ${host}:${port} (${reason}); set MAESTRO_HOST or MAESTRO_PORT.`,
      { cause },
    )
  }
}

/** The folder is the fence: it is private before the socket exists in it. */
async function listenOnSocket(app: FastifyInstance, path: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await removeStaleSocket(path)
  await app.listen({ path })
  return `ws+unix:${path}:/v1/executor`
}

async function removeStaleSocket(path: string): Promise<void> {
  const answered = await new Promise<boolean | 'none'>((resolve) => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED' ? false : 'none'))
  })
  if (answered === true) throw new Failure('config.invalid', `Another Maestro listens on ${path}.`)
  if (answered === false) await unlink(path)
}
