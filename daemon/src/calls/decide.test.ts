import fc from 'fast-check'
import { test } from 'tap'
import type { RunMode } from '@codegen/protocol/wire'
import { isBootstrapCall } from './bootstrap.ts'
import { decide, decideRun } from './decide.ts'
import type { CallToDecide } from './decide.ts'

const write: CallToDecide = {
  mode: 'ask',
  toolName: 'WriteFile',
  readOnly: false,
  foreign: false,
  held: true,
  reachesOut: false,
  personal: false,
  bootstrap: false,
  protectedPath: false,
  granted: false,
  askWanted: false,
}
const anyCall = fc.record<CallToDecide>({
  mode: fc.constantFrom('ask', 'auto', 'read-only'),
  toolName: fc.constant('WriteFile'),
  readOnly: fc.boolean(),
  foreign: fc.constant(false),
  held: fc.boolean(),
  reachesOut: fc.boolean(),
  personal: fc.boolean(),
  bootstrap: fc.boolean(),
  protectedPath: fc.boolean(),
  granted: fc.boolean(),
  askWanted: fc.boolean(),
})

test('what a foreign tool says of itself counts only where its owner wants no questions', (t) => {
  const kinds = (call: Partial<CallToDecide>): string[] =>
    (['ask', 'auto', 'read-only'] as const).map((mode) => decide({ ...write, foreign: true, ...call, mode }).kind)

  t.strictSame(kinds({}), ['ask', 'ask', 'deny'], 'a write')
  t.strictSame(kinds({ readOnly: true }), ['ask', 'allow', 'ask'], 'a read')
  t.strictSame(kinds({ readOnly: true, reachesOut: true }), ['ask', 'allow', 'ask'], 'a read of the world')
  t.strictSame(kinds({ readOnly: true, held: false }), ['ask', 'ask', 'ask'], 'a read by its word alone')
  t.strictSame(kinds({ granted: true }), ['allow', 'allow', 'deny'], 'a write that "always" covers')
  t.strictSame(kinds({ granted: true, askWanted: true }), ['ask', 'ask', 'deny'], 'one the server wants asked about')
  t.end()
})

test('each mode decides as its name says', (t) => {
  const kinds = (call: Partial<CallToDecide>): string[] =>
    (['ask', 'auto', 'read-only'] as const).map((mode) => decide({ ...write, ...call, mode }).kind)

  t.strictSame(kinds({}), ['ask', 'allow', 'deny'], 'a write')
  t.strictSame(kinds({ readOnly: true }), ['allow', 'allow', 'allow'], 'a read')
  const fetch = { readOnly: true, reachesOut: true }
  t.strictSame(kinds(fetch), ['ask', 'allow', 'ask'], 'a read that tells the world something')
  t.strictSame(kinds({ ...fetch, granted: true }), ['allow', 'allow', 'allow'], 'the same, which "always" covers')
  t.strictSame(kinds({ personal: true }), ['ask', 'ask', 'ask'], "a look at what is the owner's (CB-05)")
  t.strictSame(kinds({ personal: true, granted: true }), ['ask', 'ask', 'ask'], 'the same, which no "always" covers')
  t.strictSame(kinds({ granted: true }), ['allow', 'allow', 'deny'], 'a write the owner always allows in this run')
  t.strictSame(kinds({ protectedPath: true }), ['ask', 'deny', 'deny'], 'a write of what runs later (FT-33)')
  t.strictSame(
    kinds({ protectedPath: true, granted: true }),
    ['ask', 'deny', 'deny'],
    'the same, which no "always" covers',
  )
  t.strictSame(kinds({ bootstrap: true }), ['allow', 'allow', 'allow'], 'one of the four first calls')
  t.strictSame(kinds({ askWanted: true }), ['ask', 'ask', 'deny'], 'a write the server wants a question for')
  t.end()
})

test('nothing a server says makes a decision looser', (t) => {
  const strictness = { allow: 0, ask: 1, deny: 2 }
  fc.assert(
    fc.property(anyCall, (call) => {
      const without = strictness[decide({ ...call, askWanted: false }).kind]
      const wanted = strictness[decide({ ...call, askWanted: true }).kind]
      // A run that asks nothing refuses what would need a question; a question the server wants is then put after all.
      return wanted >= without || (call.mode === 'auto' && call.protectedPath)
    }),
  )
  t.end()
})

test('a read-only run never runs what is not read-only, but for the four first calls and what its owner looks at with it', (t) => {
  fc.assert(
    fc.property(anyCall, (call) => {
      const { kind } = decide({ ...call, mode: 'read-only' })
      return call.readOnly || call.bootstrap || kind === (call.personal ? 'ask' : 'deny')
    }),
  )
  t.end()
})

test('"always" is offered exactly where it covers the same call the next time', (t) => {
  fc.assert(
    fc.property(anyCall, (call) => {
      const decision = decide({ ...call, granted: false })
      return decision.kind !== 'ask' || decision.lasting === (decide({ ...call, granted: true }).kind === 'allow')
    }),
  )
  t.end()
})

test('the four first calls are known by their parameters alone', (t) => {
  t.ok(isBootstrapCall('GetWorkingDirectory', {}))
  t.ok(isBootstrapCall('ReadFolder', { dir_path: '.' }))
  t.ok(isBootstrapCall('ReadFile', { file_path: '.codegen/plan.md' }))
  t.ok(isBootstrapCall('Shell', { command: 'git log --oneline -10' }))
  t.notOk(isBootstrapCall('Shell', { command: 'git log --oneline -10; rm -rf .' }))
  t.notOk(isBootstrapCall('Shell', { command: 'git log --oneline -10', cwd: '/' }))
  t.notOk(isBootstrapCall('WriteFile', { file_path: '.codegen/plan.md' }))
  t.end()
})

test('a run of another machine may work in a listed folder and below it only', (t) => {
  const remoteRoots = [
    { path: '/srv/work', mode: 'ask' },
    { path: '/srv/work/ci', mode: 'auto' },
  ] as const
  const decideAt = (root: string | undefined, askedMode: RunMode = 'ask') => decideRun({ root, askedMode, remoteRoots })
  t.match(decideAt('/srv/work'), { kind: 'allow', root: '/srv/work', mode: 'ask' })
  t.match(decideAt('/srv/work/a', 'auto'), { kind: 'allow', root: '/srv/work/a', mode: 'ask' })
  t.match(decideAt('/srv/work/a', 'read-only'), { kind: 'allow', mode: 'read-only' })
  t.match(decideAt('/srv/work/ci/a', 'auto'), { kind: 'allow', mode: 'auto' })
  t.match(decideAt('/srv/work/ci/a'), { kind: 'allow', mode: 'ask' })
  for (const root of ['/srv/work2', '/srv', undefined]) t.match(decideAt(root), { kind: 'deny' })
  t.match(decideRun({ root: '/srv/work', askedMode: 'ask', remoteRoots: [] }), { kind: 'deny' })
  t.end()
})
