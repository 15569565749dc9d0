import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ToolDefinition } from '@codegen/protocol/tool'
import { test } from 'tap'
import type { Test } from 'tap'
import { toHandshake } from './handshake.ts'
import { loadIdentity } from './identity.ts'
import { createLink } from './link.ts'
import { createOutbox } from './outbox.ts'
import { parseTarget } from './target.ts'
import { startTestMaestro } from './test-maestro.ts'
import { createToolNews } from './tool-news.ts'

const quiet = { info: () => {}, warn: () => {}, error: () => {} }
const features = ['tools_changed']
const tool = (name: string): ToolDefinition => ({ name, description: '', parameters: { type: 'object' } })

/** A link on a real socket whose handshakes tell of the tools there are. */
async function startLink(t: Test) {
  const home = mkdtempSync(join(tmpdir(), 'codegen-tools-'))
  const maestro = await startTestMaestro(t)
  const outbox = createOutbox(quiet)
  const news = createToolNews({ outbox, redial: () => link.redial(0) })
  const identity = loadIdentity(home)
  let custom: readonly ToolDefinition[] = []
  const link = createLink({
    access: () => Promise.resolve({ target: parseTarget(maestro.url), token: undefined }),
    identity,
    handshake(epoch) {
      news.greeting()
      const self = { executorId: identity.executorId, epoch, journalId: 'journal-1', version: '0', openToolIds: [] }
      return toHandshake({ ...self, toolNames: ['Shell'], customTools: custom })
    },
    connected(connection) {
      news.welcomed(connection.welcome)
      outbox.connect(connection)
    },
    disconnected() {
      news.disconnected()
      outbox.disconnect()
    },
    frame: (frame) => frame.type === 'stored' && outbox.stored(frame.payload.ref),
    log: quiet,
  })
  t.teardown(async () => {
    await link.stop()
    rmSync(home, { recursive: true, force: true })
  })
  link.start()
  return {
    maestro,
    link,
    change(...names: string[]) {
      custom = names.map(tool)
      news.announce(['Shell', ...names], custom)
    },
  }
}

test('a server that takes it is told of changed tools at once, by name, and of all of them each time', async (t) => {
  const { maestro, link, change } = await startLink(t)
  const executor = await maestro.next()
  executor.welcome({ features })
  await link.ready(AbortSignal.timeout(15_000))
  change('wiki', 'jira')
  const { payload } = await executor.receive('tools_changed')
  t.match(payload, { revision: 1, known_tools: ['Shell', 'wiki', 'jira'], custom_tools: [tool('jira'), tool('wiki')] })
  change()
  t.strictSame((await executor.receive('tools_changed')).payload, {
    revision: 2,
    known_tools: ['Shell'],
    custom_tools: [],
  })
})

test('what changes while there is no link is in the handshake and is not told again', async (t) => {
  const { maestro, link, change } = await startLink(t)
  const first = await maestro.next()
  first.welcome({ features })
  await link.ready(AbortSignal.timeout(15_000))
  change('one')
  await first.receive('tools_changed')
  first.socket.terminate()
  await first.closed
  const second = await maestro.next()
  t.match(second.handshake.custom_tools, [tool('one')])
  change('two')
  change('three')
  second.welcome({ features })
  t.match((await second.receive('tools_changed')).payload, { custom_tools: [tool('three')] }, 'the newest alone')
  change('four')
  t.match((await second.receive('tools_changed')).payload, { custom_tools: [tool('four')] })
  t.equal(second.frames.filter(({ type }) => type === 'tools_changed').length, 2)
})

test('a server that does not know it learns of changed tools from a new handshake', async (t) => {
  const { maestro, link, change } = await startLink(t)
  const first = await maestro.next()
  t.strictSame(first.handshake.custom_tools, [])
  first.welcome()
  await link.ready(AbortSignal.timeout(15_000))
  change('one')
  await first.closed
  const second = await maestro.next()
  t.match(second.handshake.custom_tools, [tool('one')])
  change('two')
  second.welcome()
  await second.closed
  const third = await maestro.next()
  t.match(third.handshake.custom_tools, [tool('two')], 'also of what changed before it said welcome')
  third.welcome()
  await link.ready(AbortSignal.timeout(15_000))
  for (const { frames } of [first, second, third]) t.notOk(frames.some(({ type }) => type === 'tools_changed'))
})
