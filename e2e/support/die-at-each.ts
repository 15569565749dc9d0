import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { collect } from '#chaos/collect'
import { allCrashPoints } from '#chaos/crash-points'
import { createDaemonClient } from '#chaos/daemon-client'
import type { Member } from '#chaos/member'
import { createRandom } from '#chaos/random'
import { zerosOf } from '#chaos/report'
import { playRun } from '#chaos/runs'
import type { Trial } from '#chaos/runs'
import { createWorld, removeFolder } from '#chaos/world'
import { requireServices } from '#support/services'

/**
 * One replica and one machine: what dies at its point is started again, and the run has to end as if nothing had happened. A test for each crash point of
 * one program.
 */
export async function dieAtEach(t: Test, program: 'maestro' | 'daemon'): Promise<void> {
  if (!(await requireServices(t))) return
  const random = createRandom(1)
  const world = await createWorld({ replicas: 1, machines: 1, awayMsMax: 20, nextPoint: () => undefined }, random)
  const leaving = new AbortController()
  const [[replica], [machine]] = [world.replicas, world.machines]
  if (!replica || !machine) throw new Error('The world is empty.')
  const client = createDaemonClient(machine.home, leaving.signal)
  t.teardown(async () => {
    leaving.abort()
    await world.remove()
    if (t.passing()) await removeFolder(world)
    else t.comment(`logs are kept in ${world.folder}`)
  })

  const trials: Trial[] = []
  for (const point of allCrashPoints.filter((name) => name.startsWith(`${program}:`))) {
    t.test(`a process that dies at ${point} costs nothing`, { timeout: 60_000 }, async (t) => {
      const member: Member = point.startsWith('maestro') ? replica : machine.member
      await world.restartAt(member, `${point}:1`)
      const name = `p${trials.length + 1}`
      const wants = { isLocal: true, isRestless: false, input: true, cancel: false, waitMs: 50 }
      trials.push(
        await playRun({ world, name, random: random.fork(name), machine, client, signal: leaving.signal, wants }),
      )
      const deaths = await readFile(join(world.folder, 'deaths'), 'utf8').catch(() => '')
      t.ok(deaths.split('\n').includes(point), 'it died there')
      const findings = await collect(world, trials)
      t.strictSame([...findings.outcomes], [['completed', trials.length]])
      for (const [what, count, notes] of zerosOf(findings, 0)) t.equal(count, 0, `${what}: ${notes.join('; ')}`)
      const calls = [...findings.calls.values()].reduce((sum, count) => sum + count, 0)
      t.equal(calls, 6 * trials.length, 'every call has its outcome')
    })
  }
}
