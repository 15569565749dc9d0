import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import tap, { before, test } from 'tap'
import { createSystem, programPath, run } from '#support/system'
import type { Ended, System } from '#support/system'
import { startOnTerminal } from '#support/terminal'

tap.setTimeout(300_000)
let system: System
const asked: string[] = []
const examples = ['npm-lookup', 'project-scripts']

before(async () => {
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    const body = { name: 'left', version: '2.1.0', license: 'MIT', deprecated: 'use String.prototype.padStart' }
    if (request.url === '/left/latest') response.end(JSON.stringify(body))
    else response.writeHead(404).end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  tap.teardown(() => server.close())
  const scripts = { hello: 'node hello.js', fail: 'node -e "process.exit(3)"' }
  system = await createSystem(tap, {
    scenario: { steps: [{ text: 'never' }] },
    files: {
      'package.json': JSON.stringify({ name: 'project', scripts }),
      'hello.js': "console.log('hello', ...process.argv.slice(2))\n",
    },
    env: { NO_COLOR: '1', NPM_LOOKUP_REGISTRY: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
  })
  await writeFile(join(system.home, 'config.json'), JSON.stringify({ allowedHosts: ['127.0.0.1'] }))
})

const call = (name: string, parameters: object, mode = '--auto'): Promise<Ended> =>
  system.codegen(['tools', 'call', name, JSON.stringify(parameters), mode])

for (const example of examples)
  test(`${example} passes its own tests, its types are right, and its kit is ours`, async (t) => {
    const folder = programPath('plugins', 'examples', example)
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const tests = await run(['--test'], { cwd: folder, env })
    t.equal(tests.code, 0, tests.stdout)
    t.match(tests.stdout, /pass [3-9]\n/)
    await promisify(execFile)(programPath('node_modules', '.bin', 'tsc'), ['-p', 'tsconfig.json'], { cwd: folder })
    const kit = await readdir(join(folder, 'kit'))
    t.ok(kit.includes('context.ts') && kit.includes('testing.js'))
    for (const file of kit) {
      const source = file.startsWith('testing.') ? ['templates', 'kit', file] : ['src', file]
      t.equal(
        await readFile(join(folder, 'kit', file), 'utf8'),
        await readFile(programPath('plugins', 'kit', ...source), 'utf8'),
        file,
      )
    }
  })

test('npm-lookup asks the registry that its owner named and allowed, and no other host', async (t) => {
  const folder = join(dirname(system.home), 'npm-lookup')
  await cp(programPath('plugins', 'examples', 'npm-lookup'), folder, { recursive: true })
  t.match(await system.codegen(['plugins', 'add', folder, '--yes']), { code: 0, stdout: /serves +NpmLookup/ })
  t.match(await call('NpmLookup', { name: 'left' }), {
    code: 1,
    stderr: /does not ask for the permission "net": \["127\.0\.0\.1"\]/,
  })
  t.same(asked, [])
  const manifest = await readFile(join(folder, 'package.json'), 'utf8')
  await writeFile(join(folder, 'package.json'), manifest.replace('registry.npmjs.org', '127.0.0.1'))
  t.match(await system.codegen(['plugins', 'add', folder, '--yes']), { code: 0, stdout: /new +reaches 127\.0\.0\.1/ })
  const found = await call('NpmLookup', { name: 'left' })
  t.match(found, { code: 0, stdout: /^DEPRECATED: use String\.prototype\.padStart\nleft 2\.1\.0\nlicence: MIT\n/ })
  t.match(await call('NpmLookup', { name: '@a/none' }), { code: 1, stderr: /has no @a\/none@latest/ })
  t.same(asked, ['/left/latest', '/%40a%2Fnone/latest'])
})

test('project-scripts lists and runs the scripts of the project, with live output, arguments and exit code', async (t) => {
  const folder = programPath('plugins', 'examples', 'project-scripts')
  t.match(await system.codegen(['plugins', 'add', folder, '--yes']), {
    code: 0,
    stdout: /serves +ProjectScripts, RunScript/,
  })
  t.match(await call('ProjectScripts', {}), {
    code: 0,
    stdout: 'Run by npm:\nhello: node hello.js\nfail: node -e "process.exit(3)"\n',
  })
  const run = async (name: string, args: readonly string[] = []) => {
    const started = startOnTerminal(t, system, ['tools', 'call', 'RunScript', JSON.stringify({ name, args })])
    await started.saw(/May RunScript do this[^]*n no/)
    started.type('y')
    return { code: await started.ended, printed: started.printed() }
  }
  t.match(await run('hello', ['a b', '$(id)']), { code: 0, printed: /yes\r?\n[^]*hello a b \$\(id\)/ })
  t.match(await run('fail'), { code: 1, printed: /exit code 3/ })
  t.match(await run('none'), { code: 1, printed: /There is no script none\. There are: hello, fail\./ })
  t.match(await call('RunScript', { name: 'hello' }), { code: 5, stderr: /no terminal to ask on/ })
  t.match(await call('RunScript', { name: 'hello' }, '--read-only'), { code: 1, stderr: /denied/ })
})
