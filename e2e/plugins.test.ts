import { chmod, cp, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import tap, { before, test } from 'tap'
import { createSystem, programPath } from '#support/system'
import type { Ended, System } from '#support/system'

tap.setTimeout(180_000)
let system: System

before(async () => {
  system = await createSystem(tap, {
    scenario: {
      conversations: [
        {
          name: 'greet',
          when: 'greet us',
          steps: [
            { calls: [{ tool: 'Hello', arguments: { name: 'Ada' } }] },
            { expect: [{ contains: 'version 1 greets Ada' }], text: 'Ada was greeted.' },
          ],
        },
        {
          name: 'swap',
          when: 'greet while it changes',
          steps: [
            { calls: [{ tool: 'Hello', arguments: { name: 'Bob', waits: true } }] },
            {
              expect: [{ contains: 'version 1 greets Bob' }],
              calls: [{ tool: 'Hello', arguments: { name: 'Eve' } }],
            },
            { expect: [{ contains: 'version 2 greets Eve' }], text: 'Both were greeted.' },
          ],
        },
      ],
    },
  })
})

const listed = async (): Promise<string> => (await system.codegen(['plugins'])).stdout
const file = (): string => join(system.home, 'plugins', 'hello', 'plugin.js')

async function untilListed(wanted: RegExp): Promise<string> {
  for (;;) {
    const text = await listed()
    if (wanted.test(text)) return text
    await delay(50)
  }
}

async function drop(name: string): Promise<void> {
  const half = join(system.home, `half-${name}`)
  await mkdir(join(system.home, 'plugins'), { recursive: true, mode: 0o700 })
  await cp(programPath('e2e', 'fixtures', 'plugins', name), half, { recursive: true })
  await chmod(half, 0o700)
  for (const entry of await readdir(half)) await chmod(join(half, entry), 0o600)
  await rename(half, join(system.home, 'plugins', name))
}

/** A run whose every question about the plugin is answered by the rule of this test: nobody is asked who could say no. */
const ask = (prompt: string): Promise<Ended> => system.codegen(['--auto', prompt])

test('a plugin that is dropped in and allowed is called by the model', async (t) => {
  await system.codegen(['status'])
  await drop('hello')
  t.match(await untilListed(/hello 1\.0\.0/), /hello 1\.0\.0 .*asks .*no tools .*reads workspace/)
  t.match(await system.codegen(['plugins', 'allow', 'hello']), { code: 0, stdout: /serves .*Hello, HelloLook/ })
  t.match(await system.codegen(['plugins', 'allow', 'nobody']), { stderr: /no plugin nobody.*There are: hello/ })
  const ended = await ask('greet us')
  t.match(ended.stdout, /Ada was greeted\./, ended.stderr)
})

test('it changes in the middle of a call: that call ends on the old version, the next one is on the new one (PL-17)', async (t) => {
  const run = ask('greet while it changes')
  const log = (): Promise<string> => readFile(join(system.home, 'log', 'codegend.log'), 'utf8')
  while (!(await log()).includes('greeting Bob')) await delay(20)
  const first = await readFile(file(), 'utf8')
  await writeFile(file(), first.replace('version 1', 'version 2'))
  while ((await log()).match(/a plugin serves/g)?.length !== 2) await delay(20)
  await writeFile(join(system.project, 'go'), '')
  const ended = await run
  t.match(ended.stdout, /Both were greeted\./, ended.stderr)
})

test('a broken version leaves the last good one serving, and says where it is broken', async (t) => {
  await writeFile(file(), `${await readFile(file(), 'utf8')}\n}\n`)
  const shown = await untilListed(/broken/)
  t.match(shown, /Hello, HelloLook/)
  t.match(shown, /hello: plugin\.js:\d+: SyntaxError/)
  const called = await system.codegen(['tools', 'call', 'HelloLook', '{"file": "a.txt"}', '--auto'])
  t.match(called, { code: 0, stdout: /"text":"one\\n"/ })
  t.match(await system.codegen(['plugins', 'disable', 'hello']), { code: 0, stdout: /disabled .*no tools/ })
  t.notMatch((await system.codegen(['tools'])).stdout, /HelloLook/)
})
