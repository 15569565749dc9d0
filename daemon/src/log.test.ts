import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'tap'
import { readLastLines } from './log-reader.ts'
import { openLog } from './log.ts'
import { limits } from './limits.ts'

const toLine = (msg: string): string => `${JSON.stringify({ level: 30, time: 1, msg })}\n`

function newFolder(t: { teardown(clean: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'log-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  return folder
}

test('the newest lines are found whichever files they are in, however long they are and however many are asked for', async (t) => {
  const path = join(newFolder(t), 'codegend.log')
  const message = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constant('x'.repeat(limits.logPieceBytes)))
  await fc.assert(
    fc.asyncProperty(fc.array(message, { maxLength: 12 }), fc.nat(12), fc.nat(14), async (messages, cut, count) => {
      writeFileSync(`${path}.1`, messages.slice(0, cut).map(toLine).join(''))
      writeFileSync(path, messages.slice(cut).map(toLine).join(''))
      const found = await readLastLines(path, count, {})
      t.same(
        found.map((line) => line.message),
        count === 0 ? [] : messages.slice(-count),
      )
    }),
    { numRuns: 60 },
  )
})

test('what is no line of ours is passed over, and a log that is not there has no lines', async (t) => {
  const path = join(newFolder(t), 'codegend.log')
  t.same(await readLastLines(path, 5, {}), [])
  writeFileSync(path, `half a line\n{"level":30}\n[1]\n${toLine('whole')}{"level":30,"time":2,"msg":"torn`)
  t.match(await readLastLines(path, 5, {}), [{ message: 'whole' }])
})

test('lines that are written while the files are exchanged are all found again', async (t) => {
  const path = join(newFolder(t), 'codegend.log')
  const log = openLog(path)
  const told: string[] = []
  const stop = log.subscribe((line) => told.push(line))
  const filler = 'x'.repeat(limits.logFileBytesMax / 4)
  for (let index = 0; index < 10; index += 1) log.info(`line ${index}`, { filler: index % 2 ? filler : '' })
  await log.close()
  stop()
  t.equal(told.length, 10)
  t.ok(statSync(`${path}.1`).size > 0)
  const found = await readLastLines(path, 3, {})
  t.same(
    found.map(({ message }) => message),
    ['line 7', 'line 8', 'line 9'],
  )
})
