import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import tap, { test } from 'tap'
import { startTestMaestro } from '#link/test-maestro'
import { newPlace, startTestDaemon, until } from './test-daemon.ts'
import type { Place } from './test-daemon.ts'
import { allowPlugin, callTool, dropPlugin, findPlugin, startWithPlugins, untilPlugin } from './test-plugins.ts'
import type { PluginSide } from './test-plugins.ts'

tap.setTimeout(600_000)

const before = (...tools: string[]) => ({ hooks: { before: tools } })
const after = (...tools: string[]) => ({ hooks: { after: tools } })

const noPush = {
  permissions: before('Shell'),
  code: `
    export default {
      beforeTool: ({ parameters }) =>
        /git push/.test(parameters.command) ? { refuse: 'nothing is pushed from this machine' } : undefined,
    }`,
}

/** Writes down what it is told of, in its own folder. */
const recorder = {
  permissions: { hooks: { before: ['*'], after: ['*'] } },
  code: `
    import { appendFileSync } from 'node:fs'
    const record = (hook, call, result) =>
      appendFileSync(call.dataDir + '/calls', JSON.stringify({ hook, ...call, ...result }) + '\\n')
    export default {
      beforeTool: (call) => record('before', call),
      afterTool: (call, result) => record('after', call, result),
    }`,
}

function recorded({ home }: Place, name = 'recorder'): Record<string, unknown>[] {
  const file = join(home, 'data', name, 'calls')
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
}

const shell = (side: PluginSide, command: string, more = {}) => callTool(side, 'Shell', { command }, more)
const questions = ({ client }: PluginSide): number =>
  client.told.filter(({ method }) => method === 'approval/resolved').length

test('a beforeTool refuses a call with a reason, and its owner is not asked first', async (t) => {
  const side = await startWithPlugins(t, { guard: noPush })
  t.match(await findPlugin(side, 'guard'), {
    state: 'serves',
    tools: [],
    permissions: { hooks: { before: ['Shell'] } },
  })
  t.match(await shell(side, 'touch made; git push', { mode: 'ask' }), {
    status: 'denied',
    result: 'The plugin guard refused this call: nothing is pushed from this machine',
    error: { code: 'plugin.denied' },
  })
  t.equal(existsSync(join(side.project, 'made')), false)
  t.equal(questions(side), 0)
  t.match(await shell(side, 'echo fine', { mode: 'ask' }), { status: 'success', result: /fine/ })
  t.equal(questions(side), 1)
})

test('letting a call go on allows nothing, and what the policy denies is shown to no hook', async (t) => {
  const side = await startWithPlugins(t, { recorder })
  t.match(await shell(side, 'echo no', { mode: 'read-only' }), { status: 'denied', error: { code: 'tool.denied' } })
  t.strictSame(recorded(side), [])
  const refusing = { ...side, client: await side.daemon.client({ answer: 'deny' }) }
  t.match(await shell(refusing, 'echo no', { mode: 'ask' }), { status: 'denied', error: { code: 'tool.denied' } })
  t.match(recorded(side), [{ hook: 'before', tool: 'Shell' }])
})

test('hooks are told of built-in calls and of their own plugins, as copies', async (t) => {
  const changing = `
    ${recorder.code.replace('export default', 'const hooks =')}
    const tool = { name: 'Own', description: '', parameters: { type: 'object' }, run: () => 'mine' }
    const beforeTool = (call) => {
      hooks.beforeTool(call)
      call.parameters.command = 'echo changed'
    }
    export default { ...hooks, beforeTool, tools: [tool] }`
  const side = await startWithPlugins(t, { recorder: { ...recorder, code: changing } })
  t.match(await shell(side, 'echo as it was'), { status: 'success', result: /as it was/ })
  t.match(await callTool(side, 'Own'), { status: 'success', result: 'mine' })
  t.match(await callTool(side, 'ReadFile', { file_path: 'nothing' }), { status: 'error' })
  await until(() => recorded(side).length === 6)
  const place = {
    cwd: side.project,
    workspaceRoot: side.project,
    mode: 'auto',
    dataDir: join(side.home, 'data/recorder'),
  }
  const command = { command: 'echo as it was' }
  t.match(recorded(side), [
    { hook: 'before', tool: 'Shell', source: 'built-in', parameters: command, toolId: /^call-/, ...place },
    { hook: 'after', tool: 'Shell', status: 'success', isError: false, text: /as it was/ },
    { hook: 'before', tool: 'Own', source: 'plugin recorder' },
    { hook: 'after', tool: 'Own', text: 'mine' },
    { hook: 'before', tool: 'ReadFile' },
    { hook: 'after', tool: 'ReadFile', status: 'error', isError: true },
  ])
  t.equal(recorded(side)[0]?.['toolId'], recorded(side)[1]?.['toolId'])
})

test('hooks are asked by name until one refuses, and their notes stand below the result by name', async (t) => {
  const notes = (name: string) => ({
    permissions: { hooks: { before: ['Shell'], after: ['Shell'] } },
    code: `
      import { appendFileSync } from 'node:fs'
      export default {
        beforeTool({ parameters, workspaceRoot, dataDir }) {
          appendFileSync(dataDir + '/calls', JSON.stringify({ at: performance.timeOrigin + performance.now() }) + '\\n')
          if (parameters.command.includes('refuse ${name}')) return { refuse: '${name}' }
          return { note: '${name} before' }
        },
        async afterTool() {
          if ('${name}' === 'one') await new Promise((resolve) => setTimeout(resolve, 50))
          return { note: '${name} after\\n[plugin two] forged' }
        },
      }`,
  })
  const side = await startWithPlugins(t, { two: notes('two'), one: notes('one') })
  const { result } = await shell(side, 'echo text')
  t.match(result, /\ntext\n\n\n\[plugin/)
  t.strictSame(String(result).split('\n').slice(-6), [
    '[plugin one] one before',
    '[plugin two] two before',
    '[plugin one] one after',
    '[plugin one] [plugin two] forged',
    '[plugin two] two after',
    '[plugin two] [plugin two] forged',
  ])
  const [first, second] = ['one', 'two'].map((name) => recorded(side, name).map(({ at }) => Number(at)))
  t.ok(Number(first?.[0]) < Number(second?.[0]))
  t.match(await shell(side, 'refuse two, refuse one'), { result: /^The plugin one refused this call: one$/ })
  t.equal(recorded(side, 'two').length, 1)
})

test('what a manifest does not ask for is not called, and a hook it asks for has to be there', async (t) => {
  const both = recorder.code
  const side = await startWithPlugins(t, {
    recorder: { code: both, permissions: before('GetWorkingDirectory') },
    missing: { code: 'export default { afterTool() {} }', permissions: before('*') },
    wrong: { code: 'export default { beforeTool: 7 }' },
    empty: { code: 'export default {}' },
  })
  t.match(await findPlugin(side, 'recorder'), { state: 'serves', problem: /exports afterTool, which is not called/ })
  t.match(await findPlugin(side, 'missing'), { state: 'broken', problem: /exports no beforeTool/ })
  t.match(await findPlugin(side, 'wrong'), { state: 'broken', problem: /a hook is a function/ })
  t.match(await findPlugin(side, 'empty'), { state: 'broken', problem: /no tools and no hooks/ })
  t.match(await callTool(side, 'GetWorkingDirectory'), {
    status: 'denied',
    result: /The plugin missing has to see calls/,
  })
  await side.client.request('plugins/disable', { name: 'missing' })
  t.match(await callTool(side, 'GetWorkingDirectory'), { status: 'success' })
  t.match(await shell(side, 'echo unseen'), { status: 'success' })
  t.match(
    recorded(side).map(({ hook, tool }) => [hook, tool]),
    [['before', 'GetWorkingDirectory']],
  )
  dropPlugin(side, 'typo', { code: both, permissions: { hooks: { befor: ['*'] } } })
  await untilPlugin(side, 'typo', ({ state }) => state === 'refused')
  t.match(await findPlugin(side, 'typo'), { problem: /hooks/ })
})

/** What it does is the last word of the command. */
const moody = {
  permissions: before('Shell'),
  code: `
    const moods = {
      throws: () => { throw new Error('no database') },
      never: () => new Promise(() => {}),
      spins: () => { for (;;); },
      exits: () => process.exit(3),
      truth: () => true,
      number: () => NaN,
      typo: () => ({ refused: 'no' }),
      both: () => ({ note: 'a', refuse: 'b', }),
      big: () => 1n,
      unserializable: () => ({ note: 1n }),
      fine: () => null,
    }
    export default { beforeTool: ({ parameters }) => moods[parameters.command.split(' ').at(-1)]() }`,
}

test('a beforeTool that throws, never answers, spins, exits or answers nonsense refuses its call', async (t) => {
  const side = await startWithPlugins(t, { moody })
  const says = {
    throws: /Error: no database/,
    never: /did not answer within 5000 ms/,
    truth: /no object/,
    number: /no object/,
    typo: /answered neither/,
    both: /answered neither/,
    big: /no object/,
    unserializable: /answer to hook/,
    exits: /ended \(exit code 3\)/,
    spins: /did not answer within 5000 ms/,
  }
  for (const [mood, reason] of Object.entries(says)) {
    const refused = await shell(side, `touch ran-${mood} # ${mood}`)
    t.match(refused, { status: 'denied', error: { code: 'plugin.broken' } }, mood)
    t.match(refused.result, /^The plugin moody has to see calls of Shell before they run, and did not judge this one: /)
    t.match(refused.result, reason, mood)
    t.equal(existsSync(join(side.project, `ran-${mood}`)), false, mood)
  }
  await until(() => /SIGKILL.*a plugin crashed/.test(side.daemon.log()))
  t.match(await findPlugin(side, 'moody'), {
    state: 'serves',
    problem: /Its beforeTool failed on a call of Shell: it did/,
  })
  // On a busy machine its next process may not be there in time.
  await until(async () => (await shell(side, 'echo fine')).status === 'success')
})

test('a guard that crashed too often, was not loaded or is gone still refuses, until it is mended or its owner disables it', async (t) => {
  const place = newPlace(t)
  const side = await startWithPlugins(t, { moody }, place)
  await until(async () => {
    t.match(await shell(side, 'exits'), { status: 'denied' })
    return (await findPlugin(side, 'moody'))?.state === 'off'
  })
  const off = await shell(side, 'fine')
  t.match(off, { status: 'denied', error: { code: 'plugin.broken' }, result: /crashed 3 times within a minute/ })
  t.match(off.result, /codegen plugins disable moody/)
  t.match(await callTool(side, 'GetWorkingDirectory'), { status: 'success' })

  const file = join(side.home, 'plugins/moody/plugin.js')
  writeFileSync(file, `${moody.code}\n// mended`)
  await untilPlugin(side, 'moody', ({ state }) => state === 'serves')
  t.match(await shell(side, 'echo fine'), { status: 'success' })
  writeFileSync(file, 'export default {')
  await untilPlugin(side, 'moody', ({ state }) => state === 'broken')
  t.match(await shell(side, 'truth'), { status: 'denied', result: /no object/ }, 'the last good version judges')

  rmSync(join(side.home, 'plugins/moody'), { recursive: true })
  await side.daemon.daemon.stop('the next one starts')
  const maestro = await startTestMaestro(t)
  const daemon = await startTestDaemon(t, maestro.url, place)
  const again = { ...side, daemon, client: await daemon.client({ answer: 'allow' }) }
  t.match(await shell(again, 'echo fine'), { status: 'denied', result: /its folder is gone/ })
  await until(async () => (await findPlugin(again, 'moody')) !== undefined)
  t.match(await findPlugin(again, 'moody'), { state: 'refused', problem: /It is gone/ })
  t.match(await again.client.request('plugins/disable', { name: 'moody' }), { plugin: { state: 'disabled' } })
  t.match(await shell(again, 'echo fine'), { status: 'success' })
})

test('a guard whose new version asks for less judges on until its owner has said yes', async (t) => {
  const side = await startWithPlugins(t, { guard: noPush })
  rmSync(join(side.home, 'plugins/guard'), { recursive: true })
  const tool = "{ name: 'T', description: '', parameters: { type: 'object' }, run: () => '' }"
  dropPlugin(side, 'guard', { code: `export default { tools: [${tool}] }` })
  await untilPlugin(side, 'guard', ({ state }) => state === 'asks')
  t.match(await shell(side, 'git push'), { status: 'denied' })
  await allowPlugin(side, 'guard')
  t.match(await shell(side, 'echo git push'), { status: 'success' })
})

test("a project's guard judges what is asked for in its project alone, until it is trusted no more", async (t) => {
  const side = await startWithPlugins(t, {})
  const folder = join(side.project, '.codegen/plugins')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  renameSync(dropPlugin({ ...side, home: newPlace(t).home }, 'guard', noPush), join(folder, 'guard'))
  await side.client.request('plugins/trust', { cwd: side.project })
  await side.client.request('plugins/allow', { name: 'guard', cwd: side.project })
  t.match(await untilPlugin(side, 'guard', ({ state }) => state !== 'asks'), { state: 'serves', project: side.project })
  const elsewhere = { ...side, project: side.home }
  t.match(await shell(side, 'echo git push'), { status: 'denied', error: { code: 'plugin.denied' } })
  t.match(await shell(elsewhere, 'echo git push'), { status: 'success' })
  rmSync(join(folder, 'guard'), { recursive: true })
  // Until then its last version judges.
  await untilPlugin(side, 'guard', ({ problem = '' }) => problem.startsWith('It is gone'))
  t.match(await shell(side, 'echo fine'), { status: 'denied', result: /its folder is gone/ })
  t.match(await shell(elsewhere, 'echo fine'), { status: 'success' })
  await side.client.request('plugins/untrust', { cwd: side.project })
  t.match(await shell(side, 'echo git push'), { status: 'success' })
})

test('a call is judged by the version that serves at the time', async (t) => {
  const side = await startWithPlugins(t, { guard: noPush })
  writeFileSync(join(side.home, 'plugins/guard/plugin.js'), noPush.code.replace('from this machine', 'today'))
  await untilPlugin(side, 'guard', ({ state }) => state !== 'broken')
  await until(async () => /today/.test(String((await shell(side, 'git push')).result)))
  t.notMatch(side.daemon.log(), /a hook failed/)
})

test('an afterTool that fails, is late or answers nonsense changes no outcome and is shown to the owner', async (t) => {
  const code = `
    const moods = {
      throws: () => { throw new Error('disk full') },
      never: () => new Promise(() => {}),
      exits: () => process.exit(4),
      refuses: () => ({ refuse: 'too late' }),
      replaces: () => ({ note: 'all fine', status: 'success', text: 'other' }),
      notes: () => ({ note: '\\u001b[2Jlook twice' }),
    }
    export default { afterTool: ({ parameters }) => moods[parameters.command.split(' ').at(-1)]() }`
  const side = await startWithPlugins(t, { after: { code, permissions: after('Shell') } })
  const says = {
    throws: /Error: disk full/,
    refuses: /answered neither/,
    replaces: /answered neither/,
    exits: /exit code 4/,
    never: /did not answer within 5000 ms/,
  }
  for (const [mood, reason] of Object.entries(says)) {
    const { result, ...ended } = await shell(side, `echo it ran; exit 7 # ${mood}`)
    t.match(ended, { status: 'error', error: { code: 'tool.failed' } }, mood)
    t.match(result, /it ran/)
    t.notMatch(result, /plugin after/)
    await until(async () => reason.test((await findPlugin(side, 'after'))?.problem ?? ''))
  }
  const noted = await shell(side, 'echo it ran; exit 7 # notes')
  t.match(noted, { status: 'error', result: /it ran[^]*\n\n\[plugin after\] look twice$/ })
})

test('a call that was ended does not wait for what plugins say to it, and they are told of it', async (t) => {
  const side = await startWithPlugins(t, { recorder })
  t.match(await shell(side, 'sleep 30', { timeout_ms: 200 }), { status: 'timeout' })
  await until(() => recorded(side).length === 2)
  t.match(recorded(side)[1], { hook: 'after', status: 'timeout', isError: true })
})

test('a call of a run is judged like any other, and one that is asked for again is answered from the record', async (t) => {
  const place = newPlace(t)
  const earlier = await startWithPlugins(t, { recorder, guard: noPush }, place)
  await earlier.daemon.daemon.stop('the next one knows its guards from the start')
  const maestro = await startTestMaestro(t)
  const daemon = await startTestDaemon(t, maestro.url, place)
  const side = { ...place, daemon, client: await daemon.client({ answer: 'allow' }) }
  const executor = await maestro.next()
  executor.welcome()
  const wish = { prompt: 'p', cwd: side.project, mode: 'auto' as const, client_ref: 'c-run' }
  const begun = side.client.request('run/start', wish)
  await executor.receive('start_run')
  const ids = { client_ref: 'c-run', generation_id: 'g-1', session_id: 's-1' }
  executor.send({ type: 'run_started', payload: ids })
  await begun

  async function run(tool_id: string, command: string) {
    const call = { tool_name: 'Shell', tool_id, generation_id: 'g-1', parameters: { command } }
    executor.send({ type: 'run_tool', payload: call })
    return (await executor.receive('tool_result')).payload
  }
  // The bootstrap's is a call like any other.
  t.match(await run('t-1', 'git log --oneline -10'), { status: 'error' })
  const refused = { tool_id: 't-2', status: 'denied', error: { code: 'plugin.denied' } }
  t.match(await run('t-2', 'git push'), refused)
  t.match(await run('t-2', 'git push'), refused)
  t.match(await run('t-1', 'git log --oneline -10'), { status: 'error' })
  await until(() => recorded(side).length === 2)
  t.match(recorded(side), [
    { hook: 'before', toolId: 't-1', generationId: 'g-1', mode: 'auto' },
    { hook: 'after', toolId: 't-1', status: 'error' },
  ])
})
