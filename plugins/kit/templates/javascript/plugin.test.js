import { createHarness } from './kit/harness.ts'
import { assert, test } from './kit/testing.js'
import { openTasks } from './plugin.js'

/**
 * A harness whose search finds these lines in `src/a.ts`.
 * @param {string[]} texts
 */
function harnessWith(texts) {
  const lines = texts.map((text, index) => ({
    number: index + 1,
    kind: /** @type {const} */ ('match'),
    text,
    cut: false,
  }))
  const files = lines.length > 0 ? [{ path: 'src/a.ts', lines, hugeLines: 0 }] : []
  const { search } = createHarness().context
  const found = { files, matches: lines.length, end: /** @type {const} */ ('all'), complaint: undefined }
  return createHarness({ search: { ...search, lines: async () => found } })
}

test('lists what is marked, with file and number', async () => {
  const { text } = await harnessWith(['  // TODO: say hello']).run(openTasks, {})
  assert.equal(text, 'src/a.ts:1: // TODO: say hello')
})

test('says so when nothing is marked', async () => {
  const { text } = await harnessWith([]).run(openTasks, { folder: 'docs' })
  assert.match(text, /Nothing here is marked/)
})
