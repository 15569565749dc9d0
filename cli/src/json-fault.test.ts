import fc from 'fast-check'
import { test } from 'tap'
import { findJsonFault } from './json-fault.ts'

test('a fault in JSON is found at the first character that cannot be', (t) => {
  const faults: readonly (readonly [text: string, position: number])[] = [
    ['', 0],
    ['{"a": x}', 6],
    ['{"a" 1}', 5],
    ['{a: 1}', 1],
    ['{"a": 1,}', 8],
    ['[1 2]', 3],
    ['"a\nb"', 2],
    ['"\\x"', 1],
    ['{"a": tru}', 9],
    ['{} {}', 3],
    ["{'a': 1}", 1],
    ['{"a": "b', 8],
    ['01', 1],
    ['-', 0],
  ]
  for (const [text, position] of faults) t.equal(findJsonFault(text), position, text)
  t.end()
})

test('whatever the parser takes has no fault, and whatever it refuses has one', (t) => {
  const cut = fc.tuple(fc.json(), fc.nat(), fc.string({ maxLength: 2 }))
  fc.assert(
    fc.property(cut, ([json, at, inserted]) => {
      const place = at % (json.length + 1)
      for (const text of [json, json.slice(0, place), json.slice(0, place) + inserted + json.slice(place)]) {
        const fault = findJsonFault(text)
        t.equal(fault === undefined, isJson(text), text)
        if (fault !== undefined && (fault < 0 || fault > text.length)) t.fail(`${text}: ${fault}`)
      }
    }),
  )
  t.equal(findJsonFault('['.repeat(100_000)), 1_001, 'nesting is bounded')
  t.end()
})

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
