import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { ToolContext } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { limits as protocolLimits } from '@codegen/protocol/limits'
import fc from 'fast-check'
import { test } from 'tap'
import { limits } from '#limits'
import { boundResult } from './bound-result.ts'
import { interruptCalls } from './interrupted-calls.ts'
import { createLiveOutput } from './live-output.ts'
import { createTestCalls, newFolder, quietLog } from './test-calls.ts'

const shell = { tool_name: 'Shell', parameters: { command: 'make' } }

/** Waits for the end of the signal, as a tool should. */
function untilAborted(_: unknown, { signal }: ToolContext): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () =>
      reject(signal.reason instanceof Error ? signal.reason : new Error('aborted')),
    )
  })
}

test('a call runs and its result says how it ended and how long it took', async (t) => {
  const { call, journal } = createTestCalls(t, {
    tools: { Shell: { run: () => ({ text: 'made', structured: { code: 0 } }) } },
  })
  const result = await call({ ...shell, tool_id: 't-1' })
  t.match(result, { tool_id: 't-1', generation_id: 'g-1', status: 'success', result: 'made', structured: { code: 0 } })
  t.type(result.duration_ms, 'number')
  t.equal(journal.calls.get('t-1')?.state.kind, 'finished')
})

test('a call that is not known runs nothing and says why (PR-49)', async (t) => {
  const { call } = createTestCalls(t)
  t.match(await call({ tool_name: 'Teleport' }), { status: 'error', error: { code: 'tool.unknown' } })
  t.match(await call({ tool_name: 'toString' }), { status: 'error', error: { code: 'tool.unknown' } })
})

test('parameters are checked against the schema here too, whatever the server checked (PR-05)', async (t) => {
  const { call } = createTestCalls(t)
  const wrong = [
    { tool_name: 'ReadFile', parameters: {} },
    { tool_name: 'ReadFile', parameters: { file_path: 7 } },
    { tool_name: 'ReadFile', parameters: { file_path: 'a', more: true } },
    { tool_name: 'Shell', parameters: { command: 'a', timeout_ms: '1' } },
  ]
  for (const parameters of wrong)
    t.match(await call(parameters), { status: 'error', error: { code: 'tool.bad_arguments' } })
})

test('the same call twice runs once and is answered with the same result (PR-51)', async (t) => {
  let ran = 0
  const { call, calls, results, result } = createTestCalls(t, {
    tools: { Shell: { run: async () => `run ${(ran += 1)}` } },
  })
  const first = call({ ...shell, tool_id: 't-1' })
  calls.run({ ...shell, tool_id: 't-1', generation_id: 'g-1' })
  const ended = await first
  const again = result('t-1')
  calls.run({ ...shell, tool_id: 't-1', generation_id: 'g-1' })
  t.strictSame(await again, ended)
  calls.stored('t-1')
  const afterStored = result('t-1')
  calls.run({ ...shell, tool_id: 't-1', generation_id: 'g-1' })
  t.strictSame(await afterStored, ended)
  t.equal(ran, 1)
  t.equal(results.length, 3)
})

test('a call of a run this machine did not start is refused', async (t) => {
  const { call } = createTestCalls(t)
  t.match(await call({ ...shell, generation_id: 'guessed' }), {
    status: 'denied',
    error: { code: 'run.refused', message: /remoteRoots/ },
  })
})

test('a run of another machine works only below a folder its owner listed, and asks', async (t) => {
  const base = newFolder(t)
  const listed = join(base, 'listed')
  mkdirSync(listed)
  const { call, approvals, asked } = createTestCalls(t, {
    base,
    remoteRoots: [listed, join(base, 'absent')].map((path) => ({ path, mode: 'ask' as const })),
  })
  t.match(await call({ ...shell, generation_id: 'far', cwd: base }), { status: 'denied' })
  const ended = call({ ...shell, generation_id: 'far', cwd: listed, tool_id: 't-far' })
  await until(() => asked.length === 1)
  approvals.respond('t-far', 'allow', 'test')
  t.match(await ended, { status: 'success' })
})

test('a call works in the folder it names, if that is inside the root', async (t) => {
  const tools = { GetWorkingDirectory: { run: (_: unknown, { cwd }: ToolContext) => cwd } }
  const { call, root } = createTestCalls(t, { tools })
  mkdirSync(join(root, 'inner'))
  const place = { tool_name: 'GetWorkingDirectory' }
  t.match(await call(place), { result: root })
  t.match(await call({ ...place, cwd: 'inner' }), { result: join(root, 'inner') })
  t.match(await call({ ...place, cwd: join(root, 'inner') }), { result: join(root, 'inner') })
  for (const cwd of ['..', '/', 'absent', `${root}2`, 'a\0b']) {
    t.match(await call({ ...place, cwd }), { status: 'error', error: { code: 'file.outside_workspace' } }, cwd)
  }
})

test('calls that are not read-only run one after another in order, the others beside them up to the limit', async (t) => {
  const order: string[] = []
  let running = 0
  let most = 0
  const tools = {
    Shell: {
      run: async ({ command }: Readonly<Record<string, unknown>>) => {
        order.push(`begin ${String(command)}`)
        await delay(5)
        order.push(`end ${String(command)}`)
        return ''
      },
    },
    ReadFile: {
      run: async () => {
        running += 1
        most = Math.max(most, running)
        await delay(10)
        running -= 1
        return ''
      },
    },
  }
  const { call } = createTestCalls(t, { tools })
  const writes = ['a', 'b', 'c'].map((command) => call({ tool_name: 'Shell', parameters: { command } }))
  const reads = Array.from({ length: 20 }, () => call({ tool_name: 'ReadFile', parameters: { file_path: 'x' } }))
  await Promise.all([...writes, ...reads])
  t.strictSame(order, ['begin a', 'end a', 'begin b', 'end b', 'begin c', 'end c'])
  t.equal(most, protocolLimits.parallelToolsMax)
})

test('a call is ended when its time is up', async (t) => {
  const { call } = createTestCalls(t, { tools: { Shell: { run: untilAborted } } })
  t.match(await call({ ...shell, timeout_ms: 30 }), { status: 'timeout', error: { code: 'tool.timeout' } })
  const own = { command: 'make', timeout_ms: 30 }
  t.match(
    await call({ tool_name: 'Shell', parameters: own, timeout_ms: 5_000 }),
    { status: 'timeout' },
    'by its own limit',
  )
})

test('R7 every call ends: within its time and 3 s, even when its tool does not listen', async (t) => {
  const { call } = createTestCalls(t, { tools: { Shell: { run: () => new Promise<never>(() => {}) } } })
  t.match(await call({ ...shell, timeout_ms: 50 }), { status: 'timeout' })
})

test('a running call is cancelled, one that waits for its turn too, at once (PR-53)', async (t) => {
  const { call, calls, journal } = createTestCalls(t, { tools: { Shell: { run: untilAborted } } })
  const running = call({ ...shell, tool_id: 't-1' })
  const waiting = call({ ...shell, tool_id: 't-2' })
  await until(() => journal.calls.get('t-1')?.state.kind === 'started')
  const cancel = (tool_id: string): void => calls.cancel({ tool_id, generation_id: 'g-1', reason: 'user', grace_ms: 0 })
  cancel('t-2')
  t.match(await waiting, { status: 'cancelled' })
  t.equal(journal.calls.get('t-1')?.state.kind, 'started', 'and the one before it goes on')
  cancel('t-1')
  t.match(await running, { status: 'cancelled' })
})

test('cancelling a finished call changes nothing; an unknown one is recorded and never runs (PR-53)', async (t) => {
  let ran = 0
  const { call, calls, results, result } = createTestCalls(t, { tools: { Shell: { run: () => `${(ran += 1)}` } } })
  await call({ ...shell, tool_id: 't-1' })
  calls.cancel({ tool_id: 't-1', generation_id: 'g-1', reason: 'late', grace_ms: 0 })
  t.equal(results.length, 1)
  const cancelled = result('t-2')
  calls.cancel({ tool_id: 't-2', generation_id: 'g-1', reason: 'early', grace_ms: 0 })
  t.match(await cancelled, { status: 'cancelled' })
  t.match(await call({ ...shell, tool_id: 't-2' }), { status: 'cancelled' })
  t.equal(ran, 1)
})

test('what a tool throws becomes an error the model reads, and never a stack', async (t) => {
  const thrown = [
    new Failure('file.not_found', 'There is no a.txt.', { hint: 'Look into src.' }),
    new Error('secret detail'),
  ]
  const { call } = createTestCalls(t, {
    tools: { Shell: { run: () => Promise.reject(thrown.shift() ?? new Error('none left')) } },
  })
  const first = await call(shell)
  t.match(first, { status: 'error', error: { code: 'file.not_found', message: 'There is no a.txt.' } })
  t.equal(first.result, 'There is no a.txt.\nLook into src.')
  const second = await call(shell)
  t.match(second, { status: 'error', error: { code: 'tool.failed' } })
  t.notMatch(JSON.stringify(second), /secret/)
})

test('output is shown as it comes, before the result, and none after it', async (t) => {
  let late = (): void => {}
  const run = async (_: unknown, context: ToolContext): Promise<string> => {
    context.output('one ')
    context.output('two ', 'stdout')
    context.output('three', 'stderr')
    late = () => context.output('too late')
    return 'done'
  }
  const { call, deltas } = createTestCalls(t, { tools: { Shell: { run } } })
  await call({ ...shell, tool_id: 't-1' })
  late()
  await delay(20)
  const shown = deltas.map(({ stream, chunk, offset }) => ({ stream, chunk, offset }))
  t.strictSame(shown, [
    { stream: 'stdout', chunk: 'one two ', offset: 0 },
    { stream: 'stderr', chunk: 'three', offset: 0 },
  ])
})

test("live output arrives whole, in order and within the wire's limit", (t) => {
  const streams = ['stdout', 'stderr'] as const
  const text = fc.tuple(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 3 }),
    fc.integer({ min: 0, max: 40_000 }),
  )
  const pieces = fc.array(fc.record({ text, stream: fc.constantFrom(...streams) }), { maxLength: 6 })
  fc.assert(
    fc.property(pieces, (given) => {
      const sent: Record<string, string> = { stdout: '', stderr: '' }
      let holds = true
      const output = createLiveOutput({ toolId: 't', generationId: 'g' }, ({ stream, chunk, offset }) => {
        holds &&= Buffer.byteLength(chunk) <= protocolLimits.outputDeltaBytesMax && offset === sent[stream]?.length
        sent[stream] += chunk
      })
      const whole: Record<string, string> = { stdout: '', stderr: '' }
      for (const {
        text: [unit, times],
        stream,
      } of given) {
        whole[stream] += unit.repeat(times)
        output.add(unit.repeat(times), stream)
      }
      output.close()
      return holds && streams.every((stream) => sent[stream] === whole[stream])
    }),
  )
  t.end()
})

test('a result is cut in the middle, says so, and never cuts a character in two', (t) => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 50 }),
      fc.integer({ min: 1, max: 3_000 }),
      (unit, times) => {
        const text = unit.repeat(times)
        const { result, truncated, bytes_total } = boundResult(text)
        if (text.length <= protocolLimits.toolResultCharactersMax) return result === text && truncated === undefined
        return (
          result.length <= protocolLimits.toolResultCharactersMax &&
          result.isWellFormed() &&
          truncated === true &&
          bytes_total === Buffer.byteLength(text) &&
          text.startsWith(result.split('\n[... ')[0] ?? '?')
        )
      },
    ),
  )
  const circle: Record<string, unknown> = {}
  circle['self'] = circle
  t.equal(boundResult('a', circle).structured, undefined)
  t.equal(boundResult('a', 'x'.repeat(protocolLimits.toolResultBytesMax)).structured, undefined)
  t.strictSame(boundResult('a', { diff: 'd' }).structured, { diff: 'd' })
  t.end()
})

test('in the mode "ask" a write is a question with what it would do, and runs after a yes', async (t) => {
  const preview = async (): Promise<{ diff: string }> => ({ diff: '+new' })
  const tools = { WriteFile: { run: () => 'written', preview } }
  const { call, approvals, asked, resolved } = createTestCalls(t, { mode: 'ask', tools })
  const ended = call({ tool_name: 'WriteFile', tool_id: 't-1', parameters: { file_path: 'a', content: 'new' } })
  await until(() => asked.length === 1)
  t.match(asked[0], { tool_id: 't-1', generation_id: 'g-1', title: 'WriteFile a', preview: { diff: '+new' } })
  t.match(approvals.list(), [{ tool_id: 't-1', tool_name: 'WriteFile' }])
  t.throws(() => approvals.respond('t-1', 'maybe', 'test'), { code: 'request.invalid' })
  approvals.respond('t-1', 'allow', 'test')
  t.throws(() => approvals.respond('t-1', 'deny', 'other'), { code: 'run.finished' })
  t.match(await ended, { status: 'success', result: 'written' })
  t.match(resolved, [{ tool_id: 't-1', outcome: 'allowed', by: 'test' }])
  t.strictSame(approvals.list(), [])
})

test('a no denies the call, and it never ran', async (t) => {
  const { call, approvals, asked, journal } = createTestCalls(t, { mode: 'ask' })
  const ended = call({ ...shell, tool_id: 't-1' })
  await until(() => asked.length === 1)
  t.equal(journal.calls.get('t-1')?.state.kind, 'received')
  approvals.respond('t-1', 'deny', 'codegen (pid 1)')
  t.match(await ended, { status: 'denied', error: { code: 'tool.denied' } })
})

test('"always" holds for that tool in that run, and is asked again for what runs later', async (t) => {
  const { call, approvals, asked } = createTestCalls(t, { mode: 'ask' })
  const write = (file_path: string): ReturnType<typeof call> =>
    call({ tool_name: 'WriteFile', parameters: { file_path, content: '' } })
  const first = write('a')
  await until(() => asked.length === 1)
  approvals.respond(asked[0]?.tool_id ?? '', 'always', 'test')
  t.match(await first, { status: 'success' })
  t.match(await write('b'), { status: 'success' })
  const other = call(shell)
  await until(() => asked.length === 2)
  approvals.respond(asked[1]?.tool_id ?? '', 'deny', 'test')
  await other
  const hook = write('.git/hooks/pre-commit')
  await until(() => asked.length === 3)
  approvals.respond(asked[2]?.tool_id ?? '', 'deny', 'test')
  t.match(await hook, { status: 'denied' })
})

test('questions come one at a time and are told to whoever listens', async (t) => {
  const { call, approvals, asked } = createTestCalls(t, { mode: 'ask' })
  const heard: string[] = []
  const stop = approvals.subscribe({
    asked: ({ tool_id }) => heard.push(`asked ${tool_id}`) > 0,
    resolved: ({ tool_id, outcome }) => heard.push(`${outcome} ${tool_id}`),
  })
  const both = [call({ ...shell, tool_id: 't-1' }), call({ ...shell, tool_id: 't-2' })]
  await until(() => asked.length === 1)
  await delay(10)
  t.equal(asked.length, 1)
  approvals.respond('t-1', 'allow', 'test')
  await until(() => asked.length === 2)
  stop()
  approvals.respond('t-2', 'allow', 'test')
  await Promise.all(both)
  t.strictSame(heard, ['asked t-1', 'allowed t-1', 'asked t-2'])
})

test('a cancelled call takes its question with it', async (t) => {
  const { call, calls, approvals, asked, resolved } = createTestCalls(t, { mode: 'ask' })
  const ended = call({ ...shell, tool_id: 't-1' })
  await until(() => asked.length === 1)
  calls.cancel({ tool_id: 't-1', generation_id: 'g-1', reason: 'user', grace_ms: 0 })
  t.match(await ended, { status: 'cancelled' })
  t.match(resolved, [{ outcome: 'cancelled' }])
  t.strictSame(approvals.list(), [])
})

test('a preview that fails ends the call without a question', async (t) => {
  const preview = (): Promise<never> => Promise.reject(new Failure('edit.no_match', 'There is no such text.'))
  const { call, asked } = createTestCalls(t, { mode: 'ask', tools: { Edit: { preview } } })
  const parameters = { file_path: 'a', old_string: 'b', new_string: 'c' }
  t.match(await call({ tool_name: 'Edit', parameters }), { status: 'error', error: { code: 'edit.no_match' } })
  t.equal(asked.length, 0)
})

test('the four first calls are never asked about, their likes are', async (t) => {
  const { call, asked, approvals } = createTestCalls(t, { mode: 'ask' })
  const bootstrap = { tool_name: 'Shell', parameters: { command: 'git log --oneline -10' }, bootstrap: true }
  t.match(await call(bootstrap), { status: 'success' })
  const alike = call({ tool_name: 'Shell', parameters: { command: 'rm -rf .' }, bootstrap: true })
  await until(() => asked.length === 1)
  approvals.respond(asked[0]?.tool_id ?? '', 'deny', 'test')
  t.match(await alike, { status: 'denied' })
})

test('a run that may only read refuses the rest; one that asks nothing refuses what runs later (FT-33)', async (t) => {
  const reading = createTestCalls(t, { mode: 'read-only' })
  t.match(await reading.call(shell), { status: 'denied' })
  t.match(await reading.call({ tool_name: 'ReadFolder', parameters: { dir_path: '.' } }), { status: 'success' })
  const unattended = createTestCalls(t, { mode: 'auto' })
  const hook = { file_path: '.GIT/hooks/pre-commit', content: '' }
  t.match(await unattended.call({ tool_name: 'WriteFile', parameters: hook }), { status: 'denied' })
})

test("what is its owner's alone is asked about each time, and denied where nobody is there to ask (CB-05)", async (t) => {
  let looks = 0
  const tools = { Clipboard: { run: () => `look ${(looks += 1)}`, touches: () => ({ personal: true }) } }
  const look = { tool_name: 'Clipboard', parameters: { action: 'read' } }
  for (const mode of ['ask', 'auto', 'read-only'] as const) {
    const { call, approvals } = createTestCalls(t, { mode, tools })
    const nobody = mode === 'auto' ? await call(look) : undefined
    t.match(nobody, nobody && { status: 'denied', result: /Nobody answered/ })
    const answers = ['allow', 'deny', 'allow']
    const options: string[][] = []
    const stop = approvals.subscribe({
      asked(question) {
        options.push(question.options.map(({ id }) => id))
        setImmediate(() => approvals.respond(question.tool_id, answers.shift() ?? '', 'test'))
        return true
      },
      resolved: () => undefined,
    })
    looks = 0
    const statuses = [await call(look), await call(look), await call(look)].map(({ status }) => status)
    t.strictSame([statuses, looks], [['success', 'denied', 'success'], 2], mode)
    t.strictSame(
      options,
      statuses.map(() => ['allow', 'deny']),
      'there is no "always" to it',
    )
    stop()
  }
})

test('a read that tells the world something is asked about, once where its owner says "always"', async (t) => {
  const { call, approvals, asked } = createTestCalls(t, {
    mode: 'read-only',
    tools: { ReadFile: { annotations: { readOnly: true, openWorld: true } } },
  })
  const read = { tool_name: 'ReadFile', parameters: { file_path: 'a' } }
  const ended = call(read)
  await until(() => asked.length === 1)
  approvals.respond(asked[0]?.tool_id ?? '', 'always', 'test')
  t.match(await ended, { status: 'success' })
  t.match(await call(read), { status: 'success' })
  t.equal(asked.length, 1)
})

test('only a yes to the very call opens protected paths to its tool', async (t) => {
  const run = async (_: unknown, { files }: ToolContext): Promise<string> => {
    await files.write('.git/config', Buffer.from('x'))
    return 'written'
  }
  const { call, approvals, asked, root } = createTestCalls(t, { mode: 'ask', tools: { WriteFile: { run } } })
  // The path that was asked about is not the one that is written: the context holds the line.
  const ended = call({ tool_name: 'WriteFile', parameters: { file_path: 'harmless', content: '' } })
  await until(() => asked.length === 1)
  approvals.respond(asked[0]?.tool_id ?? '', 'always', 'test')
  t.match(await ended, { status: 'success' })
  t.match(await call({ tool_name: 'WriteFile', parameters: { file_path: 'harmless', content: '' } }), {
    status: 'denied',
  })
  t.ok(existsSync(join(root, '.git/config')))
})

test('more open calls than the limit are refused', async (t) => {
  const { call, calls } = createTestCalls(t, { tools: { Shell: { run: untilAborted } } })
  const open = Array.from({ length: limits.openCallsMax }, () => call(shell))
  t.match(await call(shell), { status: 'error', error: { code: 'tool.unavailable' } })
  await calls.stop()
  t.equal((await Promise.all(open)).length, limits.openCallsMax)
})

test('when codegend leaves, open calls end as interrupted and no other begins', async (t) => {
  const { call, calls, results } = createTestCalls(t, { tools: { Shell: { run: untilAborted } } })
  const ended = call({ ...shell, tool_id: 't-1' })
  await calls.stop()
  t.match(await ended, { status: 'interrupted' })
  calls.run({ ...shell, tool_id: 't-2', generation_id: 'g-1' })
  await delay(10)
  t.equal(results.length, 1)
})

test('what a killed codegend had started is interrupted once; what does no harm runs again; what waited runs', async (t) => {
  const base = newFolder(t)
  const before = createTestCalls(t, { base, tools: { Shell: { run: untilAborted }, ReadFile: { run: untilAborted } } })
  t.teardown(before.calls.stop)
  const first = { generation_id: 'g-1', parameters: shell.parameters, tool_name: 'Shell' }
  before.calls.run({ ...first, tool_id: 'command' })
  before.calls.run({ ...first, tool_id: 'waiting' })
  before.calls.run({ ...first, tool_name: 'ReadFile', parameters: { file_path: 'a' }, tool_id: 'reading' })
  await until(() => before.journal.calls.get('command')?.state.kind === 'started')
  await until(() => before.journal.calls.get('reading')?.state.kind === 'started')
  before.journal.append({ kind: 'process', toolId: 'command', pid: 4711, startTime: '99' })
  // No goodbye: the next one finds only the file.

  const after = createTestCalls(t, { base })
  const orphans: unknown[] = []
  await interruptCalls(after.journal, {
    takeOutput: async () => undefined,
    endOrphan: async (orphan) => void orphans.push(orphan),
    isLost: () => false,
    log: quietLog,
  })
  t.strictSame(orphans, [{ toolId: 'command', pid: 4711, startTime: '99' }])
  t.match(after.journal.unstoredResults(), [{ tool_id: 'command', status: 'interrupted' }])
  t.match(await after.call({ ...shell, tool_id: 'command' }), { status: 'interrupted' })
  t.match(await after.call({ ...shell, tool_id: 'waiting' }), { status: 'success' })
  t.match(await after.call({ tool_name: 'ReadFile', parameters: { file_path: 'a' }, tool_id: 'reading' }), {
    status: 'success',
  })
})

test('what is still open of a run that is over is cancelled, and nothing of another', async (t) => {
  const { call, calls, runs, root } = createTestCalls(t, { tools: { Shell: { run: untilAborted } } })
  runs.expect({ clientRef: 'c-2', root, mode: 'auto' })
  runs.begin({ clientRef: 'c-2', generationId: 'g-2', sessionId: 's-2' })
  const over = [call(shell), call(shell)]
  const other = call({ ...shell, generation_id: 'g-2' })
  await delay(5)
  calls.endRun('g-1')
  t.match(await Promise.all(over), [{ status: 'cancelled' }, { status: 'cancelled' }])
  t.equal(calls.openCount(), 1)
  await calls.stop()
  t.match(await other, { status: 'interrupted' })
})

test("a tool's own question is put in a run that asks, and is a no in any other", async (t) => {
  const run = async (_: unknown, { ask }: ToolContext): Promise<string> =>
    String(await ask({ title: 'Read it?', detail: 'all of it' }))
  const asking = createTestCalls(t, { mode: 'ask', tools: { ReadFile: { run } } })
  const read = { tool_name: 'ReadFile', parameters: { file_path: 'a' } }
  const ended = asking.call({ ...read, tool_id: 't-1' })
  await until(() => asking.asked.length === 1)
  t.match(asking.asked, [{ title: 'Read it?', preview: { command: 'all of it' } }])
  asking.approvals.respond('t-1', 'allow', 'test')
  t.match(await ended, { result: 'true' })
  const unattended = createTestCalls(t, { mode: 'auto', tools: { ReadFile: { run } } })
  t.match(await unattended.call(read), { result: 'false' })
})

test('what Maestro is told of a question is bounded, what the owner sees is whole', async (t) => {
  const diff = '+line\n'.repeat(100_000)
  const { call, approvals, asked } = createTestCalls(t, {
    mode: 'ask',
    tools: { Edit: { preview: () => Promise.resolve({ diff }) } },
  })
  const ended = call({
    tool_name: 'Edit',
    tool_id: 't-1',
    parameters: { file_path: 'a', old_string: 'b', new_string: 'c' },
  })
  await until(() => asked.length === 1)
  t.ok((asked[0]?.preview.diff?.length ?? 0) <= limits.previewCharactersMax)
  t.equal(approvals.list()[0]?.preview.diff, diff)
  approvals.respond('t-1', 'deny', 'test')
  await ended
})

test('a call that cannot be written down is not run', async (t) => {
  let ran = 0
  const { call, journal } = createTestCalls(t, { tools: { Shell: { run: () => String((ran += 1)) } } })
  journal.close()
  t.match(await call(shell), { status: 'error', error: { code: 'tool.unavailable', message: /journal/ } })
  t.equal(ran, 0)
})

test('a result is told even when the journal cannot be written', async (t) => {
  const { call, journal } = createTestCalls(t, { tools: { Shell: { run: () => (journal.close(), 'done') } } })
  t.match(await call(shell), { status: 'success' })
})

test('a run forgets what was granted when it ends', async (t) => {
  const { runs } = createTestCalls(t)
  runs.grant('g-1', 'Shell')
  t.ok(runs.isGranted('g-1', 'Shell'))
  runs.end('g-1')
  t.notOk(runs.isGranted('g-1', 'Shell'))
  t.equal(runs.find('g-1'), undefined)
})

test("writes that the file system refuses are the tool's failure", async (t) => {
  const run = async (_: unknown, { files }: ToolContext): Promise<string> => {
    await files.write('folder', Buffer.from('x'))
    return ''
  }
  const { call, root } = createTestCalls(t, { tools: { WriteFile: { run } } })
  mkdirSync(join(root, 'folder'))
  writeFileSync(join(root, 'folder', 'a'), '')
  t.match(await call({ tool_name: 'WriteFile', parameters: { file_path: 'x', content: '' } }), { status: 'error' })
})

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await delay(1)
}
