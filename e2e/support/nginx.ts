import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '#demo/free-port'
import type { Test } from 'tap'
import { programPath } from '#support/system'

/** Whether nginx is installed here. */
export function hasNginx(): boolean {
  return spawnSync('nginx', ['-v']).status === 0
}

/**
 * Starts nginx with the configuration that compose.yaml gives it, as this user, in front of the Maestros on these ports. Returns where it listens. It is
 * stopped with the test.
 */
export async function startNginx(t: Pick<Test, 'teardown'>, ports: readonly [number, number]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'front-'))
  const port = await freePort()
  const file = join(folder, 'nginx.conf')
  await writeFile(file, await adapt({ folder, port, ports }))
  const errors = join(folder, 'errors')
  const child = spawn('nginx', ['-p', folder, '-c', file, '-e', errors, '-g', 'daemon off;'], { stdio: 'ignore' })
  const ended = once(child, 'close')
  t.teardown(async () => {
    child.kill('SIGTERM')
    await ended
    await rm(folder, { recursive: true, force: true })
  })
  await Promise.race([
    untilOpen(port, () => child.exitCode !== null),
    ended.then(async () => {
      throw new Error(`nginx did not start: ${await readFile(errors, 'utf8')}`)
    }),
  ])
  return `http://127.0.0.1:${port}`
}

/** The file as it is but for addresses and paths; each of those must be there once, or the test would be of another file. */
async function adapt({ folder, port, ports }: { folder: string; port: number; ports: readonly [number, number] }) {
  let text = await readFile(programPath('maestro', 'operate', 'nginx.conf'), 'utf8')
  const swap = (from: string, to: string): void => {
    if (text.split(from).length !== 2) throw new Error(`nginx.conf has not just one "${from}"`)
    text = text.replace(from, to)
  }
  swap('server maestro-1:7717', `server 127.0.0.1:${ports[0]}`)
  swap('server maestro-2:7717', `server 127.0.0.1:${ports[1]}`)
  swap('listen 8080;', `listen 127.0.0.1:${port};`)
  swap('/dev/stderr', join(folder, 'errors'))
  swap('/dev/stdout', join(folder, 'access'))
  return text.replaceAll('/tmp/nginx', join(folder, 'nginx'))
}

async function untilOpen(port: number, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const socket = connect(port, '127.0.0.1')
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (isOpen) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
