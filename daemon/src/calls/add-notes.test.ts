import fc from 'fast-check'
import { limits } from '@codegen/protocol/limits'
import { ToolStatus } from '@codegen/protocol/tool'
import { test } from 'tap'
import type { HookNote } from '#plugins/tool-hooks'
import { addNotes } from './add-notes.ts'
import type { Ending } from './ending.ts'

const text = fc.string({
  unit: fc.constantFrom('a', ' ', '\n', '\r', '\u2028', '[plugin a] ', '[', '🎈'),
  maxLength: 40,
})
const notes = fc.array(fc.record({ plugin: fc.constantFrom('a', 'b', '@c/d'), text }), { maxLength: 6 })
const endings: fc.Arbitrary<Ending> = fc.record({
  status: fc.constantFrom(...ToolStatus.enum),
  result: text,
  structured: fc.anything(),
})

const linesOf = (words: string): string[] => words.split(/[\n\r\u2028]+/).filter((line) => line.trim() !== '')

test('notes stand below a result that stays as it was, in their order, each line with the name of its plugin', (t) => {
  fc.assert(
    fc.property(endings, notes, (ending, all) => {
      const { result, ...rest } = addNotes(ending, all)
      const { result: before, ...same } = ending
      if (typeof result !== 'string' || typeof before !== 'string') return false
      const lines = all.flatMap((note) => linesOf(note.text).map((line) => `[plugin ${note.plugin}] ${line}`))
      const whole = [before, ...(lines.length > 0 ? [lines.join('\n')] : [])].filter((part) => part !== '')
      t.strictSame(rest, same)
      t.equal(result, whole.join('\n\n'))
      return true
    }),
  )
  t.end()
})

test('a note for which there is no room is left out, and takes nothing of the result', (t) => {
  const full: Ending = { status: 'success', result: 'x'.repeat(limits.toolResultCharactersMax - 30) }
  const said: HookNote[] = [
    { plugin: 'a', text: 'y'.repeat(30) },
    { plugin: 'b', text: 'short' },
  ]
  t.equal(addNotes(full, said).result, `${String(full.result)}\n\n[plugin b] short`)
  t.end()
})
