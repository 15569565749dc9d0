import assert from 'node:assert/strict'
import fc from 'fast-check'
import stringWidth from 'string-width'
import { test } from 'tap'
import type { Clock } from './activity.ts'
import { columnsOf, cutToColumns } from './columns.ts'
import { createHumanView } from './human-view.ts'
import { createTerminal } from './terminal.ts'

/** A run on a screen of our own, with a clock that goes on when told. */
function openRun(isTTY = true, environment: Record<string, string> = { NO_COLOR: '1' }) {
  const writes: string[] = []
  const stream = { isTTY, columns: 80, write: (text: string) => void writes.push(text) }
  const terminal = createTerminal({ stdout: () => stream, stderr: () => stream, environment })
  let time = 0
  let timer: { every: number; act: () => void } | undefined
  const clock: Clock = {
    now: () => time,
    every(every, act) {
      assert.equal(timer, undefined, 'one timer at a time')
      timer = { every, act }
      return () => (timer = undefined)
    },
  }
  const view = createHumanView({ terminal, elapsedMs: () => undefined, clock })
  let position = 0
  return {
    stream,
    terminal,
    writes,
    view,
    hasTimer: () => timer !== undefined,
    tell(type: string, payload: Record<string, unknown> = {}) {
      view.event({ generation_id: 'g', event_id: `${(position += 1)}-0`, event: { type, payload } })
      terminal.flush()
    },
    pass(milliseconds: number) {
      const until = time + milliseconds
      while (timer && time + timer.every <= until) {
        time += timer.every
        timer.act()
      }
      time = until
    },
  }
}

const shell = { tool_id: 't', tool_name: 'Shell', parameters: { command: 'npm test' } }
const output = (chunk: string): Record<string, unknown> => ({ tool_id: 't', stream: 'stdout', chunk, offset: 0 })
// oxlint-disable-next-line no-control-regex -- how a status line is taken away
const erased = /^(\r\x1b\[K)?/

test('a call that is over soon shows no status line, and nothing that waits leaves no timer', async (t) => {
  const { tell, pass, writes, hasTimer } = openRun()
  tell('tool_call', shell)
  t.ok(hasTimer())
  pass(250)
  tell('tool_call_finished', { ...shell, status: 'success', result: '', duration_ms: 250 })
  tell('agent_message_delta', { content: 'Done' })
  t.notOk(hasTimer(), 'text comes')
  t.same(writes, ['● Shell npm test  ok 250 ms\n', '\nDone'])
})

test('a long call shows what runs, for how long and its last line of output, and then gives way', async (t) => {
  const { tell, pass, writes, hasTimer, view } = openRun()
  tell('tool_call', shell)
  tell('tool_output_delta', output('one\ntwo\n\x1b[32mok 17\x1b[0m\x07 of 40\rok 18 of 40\r\n'))
  pass(12_000)
  t.equal(writes.at(-1)?.replace(erased, '').slice(2), 'Shell npm test  12 s  ok 18 of 40')
  tell('tool_call_finished', { ...shell, status: 'success', result: '', duration_ms: 12_000 })
  t.equal(writes.at(-1), '\r\x1b[K● Shell npm test  ok 12.0 s\n')
  view.close?.()
  t.notOk(hasTimer())
})

test('waiting for the model is told, and that it thinks', async (t) => {
  const { tell, pass, writes, hasTimer } = openRun()
  tell('run_started')
  pass(1_000)
  t.equal(writes.at(-1)?.replace(erased, '').slice(2), 'waiting for the model  1 s')
  tell('reasoning_delta', { content: 'The test fails' })
  tell('reasoning_delta', { content: ' because' })
  pass(1_000)
  t.equal(writes.at(-1)?.replace(erased, '').slice(2), 'thinking  2 s  The test fails because')
  tell('agent_message_delta', { content: 'It' })
  t.equal(writes.at(-1), '\r\x1b[KIt')
  t.notOk(hasTimer())
})

test('who only looks on sees that a question is open and where to answer it, and that it was answered elsewhere', async (t) => {
  const { tell, pass, writes } = openRun()
  tell('approval_requested', { generation_id: 'g-1', tool_id: 't', title: 'Shell: rm -r build' })
  pass(2_000)
  t.equal(writes.at(-1)?.replace(erased, '').slice(2), '? Shell: rm -r build  2 s  answer with: codegen attach g-1')
  tell('approval_resolved', { tool_id: 't', outcome: 'allowed', by: 'codegen (pid 1)' })
  t.equal(writes.at(-1), '\r\x1b[K— allowed elsewhere, by codegen (pid 1) —\n')
  for (const [outcome, by, waited] of [
    ['allowed', `codegen (pid ${process.pid})`, 2_000],
    ['cancelled', 'maestro', 2_000],
    ['denied', 'codegen (pid 1)', 10],
  ] as const) {
    const quiet = openRun()
    quiet.tell('approval_requested', { generation_id: 'g-1', tool_id: 't', title: 'x' })
    quiet.pass(waited)
    quiet.tell('approval_resolved', { tool_id: 't', outcome, by })
    t.notMatch(quiet.writes.join(''), /elsewhere/, `${outcome} by ${by} after ${waited} ms`)
  }
})

test('of two open questions the other one stays when one is answered', async (t) => {
  const { tell, pass, writes, hasTimer } = openRun()
  tell('approval_requested', { generation_id: 'g-1', tool_id: 't-1', title: 'Shell: first' })
  tell('approval_requested', { generation_id: 'g-1', tool_id: 't-2', title: 'Shell: second' })
  pass(1_000)
  t.match(writes.at(-1), /Shell: first/)
  tell('approval_resolved', { tool_id: 't-1', outcome: 'denied', by: 'codegen (pid 1)' })
  t.match(writes.at(-1), /denied elsewhere[^]*Shell: second {2}1 s/)
  tell('approval_resolved', { tool_id: 't-2', outcome: 'cancelled', by: 'maestro' })
  t.notOk(hasTimer())
})

test('fifty thousand lines of output cost what none costs: ten short writes a second', async (t) => {
  const { tell, pass, writes } = openRun()
  tell('tool_call', shell)
  for (let second = 0; second < 50; second += 1) {
    for (let line = 0; line < 1_000; line += 1) tell('tool_output_delta', output(`${'x'.repeat(200)} ${line}\n`))
    pass(1_000)
  }
  t.ok(writes.length <= 500, `${writes.length} writes`)
  t.ok(Math.max(...writes.map((text) => text.length)) <= 90)
})

test('no terminal, a dumb one, or one too narrow has no status line and no timer (CL-05, CL-06)', async (t) => {
  for (const [isTTY, environment, columns] of [
    [false, {}, 80],
    [true, { TERM: 'dumb' }, 80],
    [true, {}, 0],
    [true, {}, 10],
  ] as const) {
    const run = openRun(isTTY, environment)
    run.stream.columns = columns
    run.tell('tool_call', shell)
    t.notOk(run.hasTimer())
    t.same(run.writes, [])
  }
})

test('a terminal that became narrower loses all rows its status line now fills', async (t) => {
  const { terminal, stream, writes } = openRun()
  terminal.status('x'.repeat(79))
  terminal.flush()
  stream.columns = 30
  terminal.flush()
  t.equal(writes.at(-1), `\x1b[2A\r\x1b[J${'x'.repeat(28)}…`)
})

test('no status line is wider than its terminal, whatever it says', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.integer({ min: 20, max: 60 }), (text, columns) => {
      const { tell, pass, writes, stream } = openRun()
      stream.columns = columns
      tell('tool_call', { ...shell, parameters: { command: `${text}長い👩‍👩‍👧${text}` } })
      tell('tool_output_delta', output(text))
      pass(1_000)
      for (const written of writes) assert.ok(stringWidth(written.replace(erased, '')) < columns)
    }),
  )
})

test('columns are counted as a terminal counts them, and cutting breaks no character', async (t) => {
  t.equal(columnsOf('héllo …'), 7)
  t.equal(columnsOf('長い'), 4)
  t.equal(columnsOf('👩‍👩‍👧e\u0301'), 3)
  t.equal(cutToColumns('長い話', 5), '長い…')
  t.equal(cutToColumns('abc', 0), '')
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.nat({ max: 20 }), (text, columns) => {
      const cut = cutToColumns(text, columns)
      assert.ok(stringWidth(cut) <= columns)
      assert.ok(cut === text || text.startsWith(cut.slice(0, -1)))
    }),
  )
})
