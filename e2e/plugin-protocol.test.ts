import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'tap'

const page = readFileSync(join(import.meta.dirname, '../docs/plugin-protocol.md'), 'utf8')
const blockOf = (language: string): string =>
  new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'm').exec(page)?.[1] ?? ''

test('the example of the line protocol says what the page says it says', async (t) => {
  const transcript = blockOf('jsonl').trim().split('\n')
  t.ok(transcript.length > 10)
  const child = spawn('python3', ['-c', blockOf('python')], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const said = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  for (const line of transcript) {
    const message = line.slice(2)
    if (line.startsWith('> ')) child.stdin.write(`${message}\n`)
    else t.strictSame(JSON.parse(String((await said.next()).value)), JSON.parse(message))
  }
  child.stdin.end()
  const [code] = await once(child, 'exit')
  t.equal(code, 0, 'and it ends with its input')
})

test('the page names every message there is, and none there is not', (t) => {
  const source = readFileSync(join(import.meta.dirname, '../daemon/src/plugin-process/runner-messages.ts'), 'utf8')
  const named = (type: string): string[] => {
    const body = new RegExp(`^export type ${type} = \\{\\n([^]*?)^\\}`, 'm').exec(source)?.[1] ?? ''
    return [...body.matchAll(/^ {2}'?([\w/]+)'?: /gm)].map(([, name = '']) => name)
  }
  const messages = ['RunnerMethods', 'ContextMethods', 'RunnerNews'].flatMap(named)
  const rows = [...page.matchAll(/^\| `([\w/]+)` \|/gm)].map(([, name]) => name)
  t.ok(messages.length > 15)
  t.same(new Set(rows), new Set(messages))
  t.end()
})
