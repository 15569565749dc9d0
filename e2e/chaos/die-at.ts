import { subscribe } from 'node:diagnostics_channel'
import { appendFileSync } from 'node:fs'

// Loaded into a process under test before anything else: CODEGEN_TEST_DIE_AT=maestro:appended:3 ends it, as kill -9 does, when it comes to that crash point
// for the third time. What it died of is a line in CODEGEN_TEST_DEATHS.
const { CODEGEN_TEST_DIE_AT: dieAt = '', CODEGEN_TEST_DEATHS: deaths } = process.env
const wanted = /^(?<point>[a-z]+:[a-z-]+):(?<times>\d+)$/.exec(dieAt)?.groups
if (wanted) {
  let left = Number(wanted['times'])
  subscribe(`codegen:${wanted['point']}`, () => {
    left -= 1
    if (left > 0) return
    if (deaths) appendFileSync(deaths, `${wanted['point']}\n`)
    process.kill(process.pid, 'SIGKILL')
  })
}
