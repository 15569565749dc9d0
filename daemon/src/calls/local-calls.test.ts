import type { ToolContext } from '@codegen/kit'
import { setTimeout as delay } from 'node:timers/promises'
import { test } from 'tap'
import { interruptCalls } from './interrupted-calls.ts'
import { isLocalRun } from './local-run.ts'
import { createTestCalls, newFolder, quietLog } from './test-calls.ts'

const untilAborted = (_: unknown, { signal }: ToolContext): Promise<string> =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

test("what a killed codegend left of a person's call is over, whatever it was: nobody will ask for it", async (t) => {
  const base = newFolder(t)
  const before = createTestCalls(t, { base, tools: { ReadFile: { run: untilAborted } } })
  t.teardown(before.calls.stop)
  before.runs.adopt({ generationId: 'local-1', root: before.root, mode: 'auto' })
  before.calls.run({ tool_name: 'ReadFile', parameters: { file_path: 'a' }, tool_id: 'mine', generation_id: 'local-1' })
  before.calls.run({ tool_name: 'ReadFile', parameters: { file_path: 'a' }, tool_id: 'other', generation_id: 'g-1' })
  await until(() => before.journal.calls.get('mine')?.state.kind === 'started')
  const { journal } = createTestCalls(t, { base })
  t.strictSame(
    journal.openToolIds((id) => !isLocalRun(id)),
    ['other'],
    'no server is told of it',
  )
  await interruptCalls(journal, {
    takeOutput: async () => undefined,
    endOrphan: async () => {},
    isLost: isLocalRun,
    log: quietLog,
  })
  t.match(journal.unstoredResults(), [{ tool_id: 'mine', status: 'interrupted' }])
})

test("people's calls wait for one another only where they write the same file", async (t) => {
  const first = Promise.withResolvers<string>()
  const began: unknown[] = []
  const run = ({ file_path, content }: Readonly<Record<string, unknown>>): Promise<string> | string => {
    began.push(content)
    return content === 'first' ? first.promise : String(file_path)
  }
  const { call, runs, root } = createTestCalls(t, { tools: { WriteFile: { run } } })
  const write = (file_path: string, content: string): Promise<unknown> => {
    runs.adopt({ generationId: `local-${content}`, root, mode: 'auto' })
    return call({ tool_name: 'WriteFile', parameters: { file_path, content }, generation_id: `local-${content}` })
  }
  const calls = [write('a', 'first'), write('./b/../a', 'second')]
  // Between those of two files nothing is promised.
  await until(() => began.length > 0)
  await write('b', 'third')
  t.strictSame(began, ['first', 'third'])
  first.resolve('done')
  await Promise.all(calls)
  t.strictSame(began, ['first', 'third', 'second'])
})

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await delay(1)
}
