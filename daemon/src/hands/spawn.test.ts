import { spawn as start } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import fc from 'fast-check'
import { test } from 'tap'
import { countZombies, createWorkshop, isAlive, untilSo } from './test-spawn.ts'

/** How many short commands are run beside busy cores. By hand: CODEGEN_SHORT_COMMANDS=3000 TAP_TIMEOUT=600. */
const shortCommands = Number(process.env['CODEGEN_SHORT_COMMANDS'] ?? 300)

test('an exit code or a signal is told exactly', async (t) => {
  const { run, root } = createWorkshop(t)
  writeFileSync(join(root, 'not-executable'), 'echo never', { mode: 0o644 })
  const exits = new Map([
    ['true', 0],
    ['exit 1', 1],
    ['./not-executable', 126],
    ['no-such-command-anywhere', 127],
    ['exit 130', 130],
    ["sh -c 'kill -9 $$'; exit $?", 137],
    ['exit 255', 255],
  ])
  for (const [command, code] of exits) t.same((await run(command)).end, { kind: 'exited', code }, command)
  for (const signal of ['SIGKILL', 'SIGTERM', 'SIGSEGV', 'SIGHUP']) {
    t.same((await run(`kill -${signal.slice(3)} $$`)).end, { kind: 'signalled', signal }, signal)
  }
})

test('stdout and stderr are kept together in the order they came', async (t) => {
  const { run } = createWorkshop(t)
  const result = await run('echo one; sleep 0.05; echo two >&2; sleep 0.05; printf three')
  t.match(result, { head: 'one\ntwo\nthree', tail: '', bytesTotal: 13, bytesCut: 0, outputPath: undefined })
})

test('no output of short commands is lost while both cores are busy', async (t) => {
  const { run } = createWorkshop(t)
  const busy = [0, 1].map(() => start('/bin/sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' }))
  t.teardown(() => busy.forEach((process) => process.kill('SIGKILL')))
  let lost = 0
  const lane = async (first: number) => {
    for (let i = first; i < shortCommands; i += 4) {
      const { head, end } = await run(`printf out-${i}-; (printf err-${i} >&2)`)
      if (end.kind !== 'exited' || !head.includes(`out-${i}-`) || !head.includes(`err-${i}`)) lost += 1
    }
  }
  await Promise.all([0, 1, 2, 3].map(lane))
  t.equal(lost, 0)
})

test('a command over its limit ends as timed out, with what it printed, and is gone within a second', async (t) => {
  const { run } = createWorkshop(t)
  for (const ignoring of ['', 'trap "" TERM INT HUP; ']) {
    const { end, head, durationMs } = await run(`${ignoring}echo $$; while :; do sleep 999; done`, { timeoutMs: 300 })
    t.same(end, { kind: 'timeout' })
    t.ok(durationMs >= 300, `took ${durationMs} ms`)
    t.notOk(isAlive(Number(head)), 'the shell is gone')
  }
})

test('a process that keeps the pipe open does not keep the call, and goes with it', async (t) => {
  const { run } = createWorkshop(t)
  const { end, head } = await run('sleep 600 & echo $!')
  t.same(end, { kind: 'exited', code: 0 })
  t.notOk(isAlive(Number(head)))
})

test('a background process without the pipe goes with its call too', async (t) => {
  const { run } = createWorkshop(t)
  const { head } = await run('nohup sleep 600 </dev/null >/dev/null 2>&1 & echo $!')
  t.notOk(isAlive(Number(head)))
})

test('even a process that left the group and keeps the pipe does not keep the call', async (t) => {
  const { run } = createWorkshop(t)
  const { end, head } = await run("setsid sh -c 'echo $$; exec sleep 600' & sleep 0.1; exit 3")
  t.teardown(() => process.kill(Number(head), 'SIGKILL'))
  t.same(end, { kind: 'exited', code: 3 })
})

test('what is in the pipe when the shell ends is read, however late and whoever else holds the pipe', async (t) => {
  const { run } = createWorkshop(t)
  for (const command of ['seq 1 20000', 'sleep 600 & seq 1 20000']) {
    let isFirst = true
    const { head, bytesTotal } = await run(command, {
      charactersMax: 200_000,
      onOutput() {
        const until = performance.now() + (isFirst ? 400 : 0)
        isFirst = false
        while (performance.now() < until);
      },
    })
    t.equal(bytesTotal, 108_894, command)
    t.ok(head.endsWith('\n19999\n20000\n'), command)
  }
})

test('an aborted signal ends the command as cancelled, or as timed out when that is the reason', async (t) => {
  for (const [reason, kind] of [
    [new Failure('client.cancelled', 'Cancelled.'), 'cancelled'],
    [new Failure('tool.timeout', 'Time is up.'), 'timeout'],
  ] as const) {
    const controller = new AbortController()
    const { run } = createWorkshop(t, { signal: controller.signal })
    const result = await run('echo $$; sleep 600', { onOutput: () => controller.abort(reason) })
    t.same(result.end, { kind })
    t.notOk(isAlive(Number(result.head)))
  }
})

test('a call that was cancelled before it began starts nothing', async (t) => {
  const { run, root } = createWorkshop(t, { signal: AbortSignal.abort() })
  t.match(await run('touch started'), { end: { kind: 'cancelled' }, bytesTotal: 0 })
  t.notOk(existsSync(join(root, 'started')))
})

test('ending all groups at shutdown ends every command that runs', async (t) => {
  const { run, groups } = createWorkshop(t)
  const started: number[] = []
  const onOutput = (chunk: string) => void started.push(Number(chunk))
  const calls = ['echo $$; sleep 600', 'trap "" TERM; echo $$; while :; do sleep 600; done'].map((command) =>
    run(command, { onOutput }),
  )
  await untilSo(t, 'both commands run', () => started.length === 2)
  t.same(new Set(groups.list().map(({ pid }) => pid)), new Set(started))
  await groups.killAll('SIGTERM')
  t.same(started.filter(isAlive), [])
  const ends = (await Promise.all(calls)).map(({ end }) => end)
  t.same(ends, [
    { kind: 'signalled', signal: 'SIGTERM' },
    { kind: 'signalled', signal: 'SIGKILL' },
  ])
  t.same(groups.list(), [])
})

test('a group whose number belongs to a later process is left alone', async (t) => {
  const { groups } = createWorkshop(t)
  const other = start('/bin/sleep', ['600'], { detached: true, stdio: 'ignore' })
  t.teardown(() => other.kill('SIGKILL'))
  const group = groups.add(other.pid ?? 0, 'tool-1')
  groups.remove(group)
  const { endProcessGroup } = await import('#hands/process-group')
  await endProcessGroup({ ...group, startTime: '1' })
  t.ok(isAlive(group.pid))
  await endProcessGroup(group)
  t.notOk(isAlive(group.pid))
})

test('a command knows only the listed part of the environment', async (t) => {
  const { run } = createWorkshop(t, {
    environment: {
      PATH: process.env['PATH'],
      HOME: '/home/somebody',
      LC_ALL: 'C.UTF-8',
      XDG_CONFIG_HOME: '/home/somebody/.config',
      OPENAI_API_KEY: 'canary-1',
      CODEGEN_TOKEN: 'canary-2',
      BASH_ENV: '/tmp/evil',
      ENV: '/tmp/evil',
      LD_PRELOAD: '/tmp/evil.so',
      'BASH_FUNC_ls%%': '() { evil; }',
      GIT_EDITOR: 'vim',
      MY_NAME: 'mine',
      MY_OTHER: 'other',
    },
    ownerNames: ['MY_NAME', 'LD_PRELOAD', 'B*', 'ENV'],
  })
  const { head } = await run('env')
  for (const line of [
    'HOME=/home/somebody',
    'LC_ALL=C.UTF-8',
    'XDG_CONFIG_HOME=/home/somebody/.config',
    'MY_NAME=mine',
  ]) {
    t.ok(head.split('\n').includes(line), line)
  }
  for (const line of [
    'NO_COLOR=1',
    'TERM=dumb',
    'PAGER=cat',
    'GIT_PAGER=cat',
    'GIT_TERMINAL_PROMPT=0',
    'GIT_EDITOR=true',
  ]) {
    t.ok(head.split('\n').includes(line), line)
  }
  t.notMatch(head, /canary|evil|MY_OTHER|vim/)
})

test('what one command changes of its shell does not reach the next', async (t) => {
  const { run } = createWorkshop(t)
  const before = (await run('env | grep -v "^_="; alias; pwd; umask')).head
  await run('export PATH=/evil LD_PRELOAD=/evil; alias ls=evil; cd /; umask 0; printf() { evil; }; set -e')
  t.equal((await run('env | grep -v "^_="; alias; pwd; umask')).head, before)
})

test('nothing waits for a person: no input, no terminal, no pager, no editor', async (t) => {
  const { run } = createWorkshop(t)
  const quick = { timeoutMs: 5_000 }
  t.match(await run('cat; echo done', quick), { head: 'done\n' })
  t.match(await run('read line; echo $?', quick), { head: '1\n' })
  t.match(await run('(: </dev/tty) 2>/dev/null || echo none', quick), { head: 'none\n' })
  const setUp =
    'git init -q . && git config user.email a@b.c && git config user.name n && git commit -q --allow-empty -m one'
  t.same((await run(setUp, quick)).end, { kind: 'exited', code: 0 })
  t.match(await run('git log --oneline | wc -l; git log', quick), { head: /^1\n[\s\S]*one/ })
  const commit = await run('git commit --allow-empty', quick)
  t.match(commit.end, { kind: 'exited', code: 1 }, 'an editor that writes nothing aborts the commit')
})

test('any text reaches the command as it was written', async (t) => {
  const { run } = createWorkshop(t)
  const awkward = fc.constantFrom(
    ' ',
    "'",
    '"',
    '\\',
    '\n',
    '$(',
    ')',
    '`',
    '!',
    '-',
    '$HOME',
    '*',
    '~',
    'é',
    '😀',
    '%s',
    '&',
  )
  await fc.assert(
    fc.asyncProperty(fc.array(awkward, { minLength: 1, maxLength: 30 }), async (parts) => {
      const text = parts.join('')
      const { head } = await run(`printf %s '${text.replaceAll("'", "'\\''")}'`)
      return head === text
    }),
    { numRuns: 25 },
  )
})

test('a command that begins with a dash is a command, not an option of the shell', async (t) => {
  const { run } = createWorkshop(t)
  t.match(await run('-x'), { end: { kind: 'exited', code: 127 }, head: /-x: ((command )?not found|Permission denied)/ })
})

test('a command no command line can carry is refused before anything starts', async (t) => {
  const { run, root } = createWorkshop(t)
  await t.rejects(run('echo a\0b'), { code: 'tool.bad_arguments' })
  await t.rejects(run(`: ${'x'.repeat(200_000)}`), { code: 'tool.bad_arguments' })
  t.match(await run(`: ${'x'.repeat(130_000)}`), { end: { kind: 'exited', code: 0 } })
  rmSync(root, { recursive: true })
  await t.rejects(run('true'), { code: 'tool.failed', message: new RegExp(`could not be started in ${root}`) })
})

test('a command runs in a folder inside the root, whatever the path looks like', async (t) => {
  const { run, root } = createWorkshop(t)
  mkdirSync(join(root, 'a/b'), { recursive: true })
  mkdirSync(`${root}-2`)
  symlinkSync('/tmp', join(root, 'out'))
  symlinkSync(join(root, 'a/b'), join(root, 'in'))
  writeFileSync(join(root, 'file'), '')
  t.match(await run('pwd'), { head: `${root}\n` })
  t.match(await run('pwd', { cwd: 'a' }), { head: `${root}/a\n` })
  t.match(await run('pwd', { cwd: 'in' }), { head: `${root}/a/b\n` })
  t.match(await run('pwd', { cwd: `${root}/a` }), { head: `${root}/a\n` })
  for (const outside of ['..', '/', '/tmp', 'out', 'a/../../project-2', `${root}-2`]) {
    await t.rejects(run('pwd', { cwd: outside }), { code: 'file.outside_workspace' }, outside)
  }
  await t.rejects(run('pwd', { cwd: 'nowhere' }), { code: 'file.not_found' })
  await t.rejects(run('pwd', { cwd: 'file' }), { code: 'file.bad_path' })
  await t.rejects(run('pwd', { cwd: 'a\0b' }), { code: 'file.bad_path' })
})

test('two hundred calls leave no descriptor, child or file behind', async (t) => {
  const { run, root, outputDir, groups } = createWorkshop(t)
  const countDescriptors = () => readdirSync('/proc/self/fd').length
  const countHandles = () => process.getActiveResourcesInfo().filter((name) => name !== 'Timeout').length
  await run('echo warm')
  const before = countDescriptors()
  const handlesBefore = countHandles()
  for (let i = 0; i < 200; i += 1) await run('echo x; echo y >&2')
  await untilSo(t, 'descriptors are closed', () => countDescriptors() <= before)
  t.equal(countZombies(), 0)
  t.same(readdirSync(root), [])
  t.notOk(existsSync(outputDir))
  t.same(groups.list(), [])
  await untilSo(t, 'handles are closed', () => countHandles() <= handlesBefore)
})
