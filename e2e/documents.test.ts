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

test('configuration.md names every variable and key the programs read, and none they do not', (t) => {
  const page = read('docs/configuration.md')
  const sources = globSync('{cli,daemon,maestro,protocol,tracing,plugins/*}/src/**/*.ts', { cwd: root })
    .filter((file) => !/(\.test|\/test-[\w-]+|fake-daemon)\.ts$/.test(file))
    .map(read)
  const ours = /\b(?:CODEGEN|MAESTRO|OPENAI|OTEL)_[A-Z_]+\b|\b(?:DATABASE|REDIS)_URL\b|\bTRACEPARENT\b|\bNO_COLOR\b/g
  const inSources = new Set(
    sources.flatMap((text) =>
      [...text.matchAll(/(?:env|environment|process\.env)\['([A-Z_0-9]+)'\]|(?:to[A-Z]\w+)\(env, '([A-Z_]+)'/g)].map(
        ([, first, second]) => first ?? second ?? '',
      ),
    ),
  )
  const inPage = new Set(page.match(ours))
  const isOurs = (name: string): boolean => name.match(ours)?.[0] === name && name !== 'CODEGEN_BUNDLED_VERSION'
  t.ok(inSources.has('DATABASE_URL') && inSources.has('CODEGEN_MODEL_PRICE'))
  t.same(
    [...inSources].filter((name) => isOurs(name) && !inPage.has(name)),
    [],
    'each is in the page',
  )
  t.same(
    [...inPage].filter((name) => !sources.some((text) => text.includes(`'${name}'`))),
    [],
    'each is read',
  )
  const keys = /const keysKnown = \[([^\]]*)\]/.exec(read('daemon/src/config.ts'))?.[1] ?? ''
  const known = [...keys.matchAll(/'(\w+)'/g)].map(([, key]) => key)
  t.ok(known.length > 4)
  t.same(
    known.filter((key) => !page.includes(`| \`${key}\` |`)),
    [],
    'each key of config.json has a row',
  )
  t.end()
})

test('every metric the dashboard and the operating page name is served', (t) => {
  const metrics = read('maestro/src/prometheus/metrics.ts')
  const named = new Set(
    `${read('docs/operating.md')}${read('maestro/operate/grafana-dashboard.json')}`.match(/\bmaestro_[a-z_]+\b/g),
  )
  t.ok(named.size > 10)
  const bare = (name: string): string => name.replace(/_(bucket|sum|count)$/, '')
  t.same(
    [...named].filter((name) => !metrics.includes(`'${name}'`) && !metrics.includes(`'${bare(name)}'`)),
    [],
  )
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
