import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'tap'
import type { Test } from 'tap'
import type { ToolResult } from '@codegen/protocol/wire'
import { limits } from '#limits'
import { toLine } from './entry.ts'
import type { JournalEntry } from './entry.ts'
import { openJournal } from './journal.ts'
import type { EndHeld, Journal } from './journal.ts'

const quiet = { info: () => {}, warn: () => {}, error: () => {} }

function newPath(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'codegen-journal-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'journal.log')
}

function open(path: string, bootId = 'boot-1'): Journal {
  return openJournal({ path, bootId, isAlive: () => false, log: quiet })
}

function resultOf(toolId: string, text = 'done'): ToolResult {
  return { tool_id: toolId, generation_id: 'g-1', status: 'success', result: text }
}

const run: JournalEntry = {
  kind: 'run',
  run: { generationId: 'g-1', sessionId: 's-1', clientRef: 'c-1', root: '/project', mode: 'auto' },
}

function received(toolId: string, repeatable = false): JournalEntry {
  return { kind: 'received', toolId, generationId: 'g-1', toolName: 'Shell', repeatable }
}

/** Writes a few lives of calls and closes nothing: the process may end at any line. */
function fill(journal: Journal): void {
  journal.append({ kind: 'start', clientRef: 'c-1', root: '/project', mode: 'auto' })
  journal.append(run)
  for (const toolId of ['t-1', 't-2', 't-3']) journal.append(received(toolId))
  for (const toolId of ['t-1', 't-2']) journal.append({ kind: 'started', toolId })
  journal.append({ kind: 'process', toolId: 't-2', pid: 4711, startTime: '99' })
  journal.append({ kind: 'finished', toolId: 't-1', result: resultOf('t-1') })
}

test('what was appended is there when the journal is opened again, under the same id', (t) => {
  const path = newPath(t)
  const first = open(path)
  fill(first)
  const again = open(path)

  t.equal(again.id, first.id)
  t.strictSame([...again.runs.keys()], ['g-1'])
  t.strictSame([...again.starts.keys()], [], 'a start that became a run is no start any more')
  t.strictSame(again.calls.get('t-1')?.state, { kind: 'finished', result: resultOf('t-1'), stored: false })
  t.strictSame(again.calls.get('t-2')?.state, { kind: 'started', processes: [{ pid: 4711, startTime: '99' }] })
  t.strictSame(again.calls.get('t-3')?.state, { kind: 'received' })
  t.strictSame(again.openToolIds(), ['t-1', 't-2', 't-3'])
  t.strictSame(again.unstoredResults(), [resultOf('t-1')])
  t.equal(again.isNewBoot, false)
  t.end()
})

test('the file is for its owner alone', (t) => {
  const path = newPath(t)
  open(path)
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.end()
})

test('a torn last line is cut off and the rest stays, under the same id (DM-07)', (t) => {
  const path = newPath(t)
  const first = open(path)
  fill(first)
  const whole = readFileSync(path)
  const lastLine = whole.subarray(0, -1).lastIndexOf(0x0a) + 1
  fc.assert(
    fc.property(fc.integer({ min: lastLine, max: whole.byteLength - 1 }), (cut) => {
      writeFileSync(path, whole.subarray(0, cut))
      const again = open(path)
      again.close()
      return again.id === first.id && again.calls.get('t-1')?.state.kind === 'started' && again.calls.size === 3
    }),
  )
  t.end()
})

test('a changed byte before the end is set aside, what is readable stays, and the id is a new one (DM-07)', (t) => {
  const path = newPath(t)
  const first = open(path)
  fill(first)
  const whole = readFileSync(path)
  const lastLine = whole.subarray(0, -1).lastIndexOf(0x0a) + 1
  const headerEnd = whole.indexOf(0x0a) + 1
  fc.assert(
    fc.property(fc.integer({ min: headerEnd, max: lastLine - 2 }), fc.integer({ min: 0, max: 7 }), (at, bit) => {
      const flipped = Buffer.from(whole)
      flipped[at] = (flipped[at] ?? 0) ^ (1 << bit)
      writeFileSync(path, flipped)
      const again = open(path)
      again.close()
      t.equal(existsSync(`${path}.damaged`), true)
      rmSync(`${path}.damaged`)
      // A line end that is gone takes two lines with it.
      return again.id !== first.id && again.calls.size >= 1
    }),
  )
  t.end()
})

test('a journal whose first line is damaged, and one that is no journal, begin anew', (t) => {
  for (const content of ['deadbeef {"version":1}\n', 'hello\nworld\n', '\0\0\0\0\n', '[]\n']) {
    const path = newPath(t)
    writeFileSync(path, content)
    const journal = open(path)
    t.equal(journal.calls.size, 0)
    t.equal(readFileSync(`${path}.damaged`, 'utf8'), content)
  }
  t.end()
})

test('a deleted journal begins anew under a new id (DM-07)', (t) => {
  const path = newPath(t)
  const first = open(path)
  fill(first)
  rmSync(path)
  const again = open(path)
  t.not(again.id, first.id)
  t.equal(again.calls.size, 0)
  t.end()
})

test('after a reboot the id is a new one and the outcomes are kept', (t) => {
  const path = newPath(t)
  const first = open(path)
  fill(first)
  const again = open(path, 'boot-2')
  t.not(again.id, first.id)
  t.equal(again.isNewBoot, true)
  t.equal(again.calls.get('t-1')?.state.kind, 'finished')
  t.equal(open(path, 'boot-2').id, again.id, 'and stays until the next boot')
  t.end()
})

test('the journal of a newer codegend is refused and left as it is', (t) => {
  const path = newPath(t)
  const newer = open(path)
  newer.close()
  const header = readFileSync(path, 'utf8')
  t.match(header, /"version":1/)
  // The next version with a right checksum, as a newer release would have written it.
  writeFileSync(path, '')
  appendFileSync(path, toLine({ version: 2, journalId: 'x', bootId: 'y' }))
  const before = readFileSync(path, 'utf8')
  t.throws(() => open(path), { code: 'config.invalid', message: /newer codegend/ })
  t.equal(readFileSync(path, 'utf8'), before)
  t.end()
})

test('what Maestro confirmed is told again while its run is open, and forgotten with the run', (t) => {
  const path = newPath(t)
  const journal = open(path)
  fill(journal)
  journal.append({ kind: 'stored', toolId: 't-1' })
  t.strictSame(journal.openToolIds(), ['t-2', 't-3'])
  t.match(journal.calls.get('t-1')?.state, { kind: 'finished', result: { result: 'done' }, stored: true })
  journal.append({ kind: 'run-ended', generationId: 'g-1' })
  t.equal(journal.calls.has('t-1'), false)
  t.equal(journal.calls.has('t-2'), true, 'what is not confirmed stays')
  t.end()
})

/** Two journals on one file: of the codegend that has handed over, and of the next one. */
function handOver(path: string, toolIds: readonly string[]) {
  const holder = { pid: 4711, startTime: '99' }
  const first = open(path)
  fill(first)
  const asked: EndHeld[] = []
  const tail = first.handOver({ holder, toolIds }, (end) => asked.push(end))
  return { first, asked, tail, second: openJournal({ path, bootId: 'boot-1', isAlive: () => true, log: quiet }) }
}

test('what its holder writes of a call is read by the next codegend, whatever both write meanwhile (DM-04)', (t) => {
  const path = newPath(t)
  const { first, second, tail, asked } = handOver(path, ['t-2'])
  const changed: string[] = []
  const following = second.followHolders((toolId) => changed.push(toolId))
  t.equal(second.id, first.id)
  t.strictSame([...second.held], [['t-2', { pid: 4711, startTime: '99' }]])

  second.append({ kind: 'stored', toolId: 't-1' })
  first.append({ kind: 'stored', toolId: 't-1' })
  first.append({ kind: 'run-ended', generationId: 'g-1' })
  second.append({ kind: 'end-held', toolId: 't-2', why: 'cancelled' })
  second.append({ kind: 'end-held', toolId: 't-3', why: 'cancelled' })
  tail.read()
  t.strictSame(asked, [{ kind: 'end-held', toolId: 't-2', why: 'cancelled' }], 'only of its own calls')
  first.append({ kind: 'process', toolId: 't-2', pid: 4712, startTime: '100' })
  first.append({ kind: 'finished', toolId: 't-2', result: resultOf('t-2', 'ä'.repeat(300_000)) })
  second.append(received('t-4'))
  following.read()
  t.strictSame(changed, ['t-2', 't-2'])
  t.strictSame(second.unstoredResults(), [resultOf('t-2', 'ä'.repeat(300_000))])
  t.equal(second.held.size, 0)
  t.equal(second.runs.size, 1, 'the holder ends no run any more')
  for (const one of [tail, following]) one.stop()

  const third = open(path)
  t.equal(third.id, first.id)
  t.strictSame(third.openToolIds(), ['t-2', 't-3', 't-4'])
  t.strictSame(third.unstoredResults(), [resultOf('t-2', 'ä'.repeat(300_000))])
  t.end()
})

test('while a call is held the file is only appended to, and afterwards it is rewritten again', (t) => {
  const path = newPath(t)
  const { first, second, tail } = handOver(path, ['t-2'])
  const following = second.followHolders(() => {})
  const grow = (from: number): void => {
    for (let index = from; index < from + 40; index += 1) {
      const toolId = `more-${index}`
      second.append(received(toolId))
      second.append({ kind: 'finished', toolId, result: resultOf(toolId, 'y'.repeat(1024 * 1024)) })
      second.append({ kind: 'stored', toolId })
    }
  }
  grow(0)
  t.ok(statSync(path).size > 2 * limits.journalBytesMax)
  first.append({ kind: 'finished', toolId: 't-2', result: resultOf('t-2') })
  following.read()
  t.match(second.calls.get('t-2')?.state, { kind: 'finished', result: { result: 'done' } })
  for (const one of [tail, following]) one.stop()
  grow(40)
  t.ok(statSync(path).size < 2 * limits.journalBytesMax + 40 * 1024 * 1024, `${statSync(path).size} bytes`)
  t.equal(open(path).calls.get('t-2')?.state.kind, 'finished')
  t.end()
})

test('a call whose holder is gone, or whose journal was damaged, is held by nobody', (t) => {
  const path = newPath(t)
  const { tail } = handOver(path, ['t-2'])
  tail.stop()
  t.equal(open(path).held.size, 0, 'it has ended')
  t.equal(openJournal({ path, bootId: 'boot-2', isAlive: () => true, log: quiet }).held.size, 0, 'or the machine has')
  appendFileSync(path, 'damage\n')
  appendFileSync(path, toLine(received('t-9')))
  t.equal(openJournal({ path, bootId: 'boot-2', isAlive: () => true, log: quiet }).held.size, 0)
  t.end()
})

test('the texts of confirmed results are bounded, their outcomes are not lost', (t) => {
  const journal = open(newPath(t))
  journal.append(run)
  const text = 'x'.repeat(500_000)
  const count = Math.ceil(limits.journalKeptCharactersMax / text.length) + 3
  for (let index = 0; index < count; index += 1) {
    const toolId = `t-${index}`
    journal.append(received(toolId))
    journal.append({ kind: 'finished', toolId, result: resultOf(toolId, text) })
    journal.append({ kind: 'stored', toolId })
  }
  const results = [...journal.calls.values()].map(({ state }) => (state.kind === 'finished' ? state.result : undefined))
  const kept = results.reduce((sum, result) => sum + String(result?.result).length, 0)
  t.ok(kept <= limits.journalKeptCharactersMax + count * 200, `${kept} characters are kept`)
  t.ok(results.every((result) => result?.status === 'success'))
  t.end()
})

test('the file is rewritten when it has grown, and holds the same afterwards', (t) => {
  const path = newPath(t)
  const journal = open(path)
  journal.append(run)
  const text = 'y'.repeat(1024 * 1024)
  for (let index = 0; index < 40; index += 1) {
    const toolId = `t-${index}`
    journal.append(received(toolId))
    journal.append({ kind: 'finished', toolId, result: resultOf(toolId, text) })
    journal.append({ kind: 'stored', toolId })
  }
  t.ok(statSync(path).size < 2 * limits.journalBytesMax, `${statSync(path).size} bytes`)
  const again = open(path)
  t.equal(again.id, journal.id)
  t.equal(again.calls.size, 40)
  t.strictSame(again.openToolIds(), [])
  t.end()
})

test('calls beyond the bound push out confirmed ones first', (t) => {
  const journal = open(newPath(t))
  journal.append(run)
  journal.append(received('open'))
  for (let index = 0; index <= limits.journalCallsMax; index += 1) {
    const toolId = `t-${index}`
    journal.append(received(toolId))
    if (index % 2) continue
    journal.append({ kind: 'finished', toolId, result: resultOf(toolId, '') })
    journal.append({ kind: 'stored', toolId })
  }
  t.equal(journal.calls.size, limits.journalCallsMax)
  t.equal(journal.calls.has('open'), true)
  t.end()
})
