import { createHarness } from './kit/harness.ts'
import { assert, test } from './kit/testing.js'
import { lookup } from './plugin.ts'

/** A harness whose fetch gives this answer, and the addresses it was asked for. */
function harnessWith(status: number, body: unknown) {
  const asked: string[] = []
  const bytes = new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body))
  const harness = createHarness({
    async fetch(url) {
      asked.push(url)
      return { url, status, contentType: 'application/json', bytes, truncated: false }
    },
  })
  return { harness, asked }
}

test('tells version, licence and what it depends on', async () => {
  const { harness, asked } = harnessWith(200, {
    name: '@acme/left',
    version: '2.1.0',
    description: 'pads\n on the left',
    license: 'MIT',
    engines: { node: '>=24' },
    dependencies: { right: '^1.0.0' },
  })
  const { text } = await harness.run(lookup, { name: '@acme/left' })
  assert.equal(text, '@acme/left 2.1.0: pads on the left\nlicence: MIT\nnode: >=24\ndepends on: right ^1.0.0')
  assert.deepEqual(asked, ['https://registry.npmjs.org/%40acme%2Fleft/latest'])
})

test('says first that a package is deprecated', async () => {
  const { harness } = harnessWith(200, { name: 'old', version: '1.0.0', deprecated: 'use new' })
  const { text } = await harness.run(lookup, { name: 'old', version: '1.0.0' })
  assert.match(text, /^DEPRECATED: use new\nold 1\.0\.0\nlicence: not stated/)
})

test('an unknown package, a registry in trouble and an answer of somebody else are errors', async () => {
  const missing = await harnessWith(404, {}).harness.run(lookup, { name: 'nope' })
  assert.deepEqual(missing, { text: 'The registry has no nope@latest.', isError: true })
  const troubled = await harnessWith(503, {}).harness.run(lookup, { name: 'nope' })
  assert.deepEqual(troubled, { text: 'The registry answered with status 503.', isError: true })
  const page = await harnessWith(200, '<html>').harness.run(lookup, { name: 'nope' })
  assert.match(page.text, /is no registry/)
})
