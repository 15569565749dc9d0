import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'tap'

const root = join(import.meta.dirname, '..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const documents = globSync(['*.md', '*/README.md', 'decisions/*.md', 'docs/*.md'], { cwd: root }).toSorted()
const files = globSync('**', {
  cwd: root,
  exclude: (name) => /(^|\/)(node_modules|dist|\.git|\.tap)$/.test(name),
}).map((file) => `/${file}`)
const topFolders = new Set(files.map((file) => file.split('/')[1]).filter((name) => name && !name.includes('.')))

test('ARCHITECTURE.md is a map, not a book', (t) => {
  t.ok(read('ARCHITECTURE.md').trimEnd().split('\n').length <= 200)
  t.end()
})

test('every path the documents name exists', (t) => {
  const named = documents.flatMap((document) => pathsIn(read(document)).map((path) => ({ document, path })))
  t.ok(named.some(({ path }) => path === 'maestro/src/runs/loop.ts'))
  t.same(
    // Other documents also name files of users' machines.
    named.filter(({ document, path }) => !isThere(path) && (document === 'ARCHITECTURE.md' || startsAtTop(path))),
    [],
  )
  t.notOk(isThere('maestro/src/runs/no-such-file.ts'))
  t.notOk(isThere('no-such-file.ts'))
  t.end()
})

test('every link between the documents leads somewhere', (t) => {
  for (const document of documents) {
    const prose = read(document).replaceAll(/^```[^]*?^```/gm, '')
    const links = [...prose.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link = '']) => link)
    t.same(
      links.filter((link) => !existsSync(join(root, dirname(document), link))),
      [],
      document,
    )
  }
  t.end()
})

test('every decision says why, what follows and when to think again', (t) => {
  const decisions = documents.filter((document) => document.startsWith('decisions/'))
  const numbers = decisions.map((document) => Number(document.slice('decisions/'.length).split('-')[0]))
  t.same(
    numbers,
    numbers.map((_, index) => index + 1),
    'numbered without a gap',
  )
  for (const document of decisions) {
    const headings = [...read(document).matchAll(/^## (.*)$/gm)].map(([, heading]) => heading)
    t.same(headings, ['Context', 'Decision', 'Consequences', 'When to revisit'], document)
  }
  t.end()
})

/** What stands between back-quotes and looks like a path of this repository. */
function pathsIn(text: string): string[] {
  const quoted = [...text.replaceAll(/```.*?```/gs, '').matchAll(/`([^`\s]+)`/g)].map(([, word = '']) => word)
  return quoted.filter((word) => {
    const isPlain = /^[\w@.-]+(\/[\w@.-]+)*\/?$/.test(word) && !word.startsWith('.')
    return isPlain && (/\.(ts|mjs|json|sql|md|yaml)$/.test(word) || startsAtTop(word))
  })
}

/** A path from the root must be just there; a shorter one is the end of some file's path. */
function isThere(path: string): boolean {
  if (startsAtTop(path)) return existsSync(join(root, path))
  return files.some((file) => file.endsWith(`/${path}`))
}

function startsAtTop(path: string): boolean {
  return path.includes('/') && topFolders.has(path.split('/')[0])
}
