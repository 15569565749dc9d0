import { execFile } from 'node:child_process'
import {
  existsSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DOMParser } from '@xmldom/xmldom'
import fc from 'fast-check'
import { parse as parsePlist } from 'plist'
import { test } from 'tap'
import type { Test } from 'tap'
import { limits } from '#limits'
import { installService, restartService, uninstallService } from './install-service.ts'
import type { InstallOptions } from './install-service.ts'
import { launchdService } from './launchd.ts'
import { renderLauncher } from './launcher.ts'
import { describeService } from './service-state.ts'
import { systemdService } from './systemd.ts'
import { windowsService } from './windows.ts'

const awkward = `a b%h %% $HOME "q" 'p' \\t &amp; <x>`

const hasSystemd = existsSync('/usr/bin/systemd-analyze')

type Ended = { code: number; stdout: string; stderr: string }

function run(file: string, args: string[], env: NodeJS.ProcessEnv = process.env): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(file, args, { env }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    )
  })
}

function script(path: string, lines: string): string {
  writeFileSync(path, `#!/bin/sh\n${lines}\n`, { mode: 0o755 })
  return path
}

/** A home whose path holds all that paths may, and a systemctl that notes what it is told: there is no systemd of this user where tests run. */
function newPlace(t: Test) {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'service-')))
  t.teardown(() => rmSync(base, { recursive: true, force: true }))
  const [home, bin] = [join(base, awkward), join(base, 'bin')]
  for (const folder of [home, bin]) mkdirSync(folder)
  const told = join(base, 'told')
  const systemctl = script(join(bin, 'systemctl'), `echo "$*" >> '${told}'`)
  const environment = { HOME: base, PATH: `${bin}:/usr/bin:/bin`, USER: 'me' }
  const of = { home, environment, platform: 'linux' as const }
  const plan = { node: process.execPath, nodeOptions: [], program: script(join(base, 'codegend.js'), '') }
  const options: InstallOptions = { ...of, withEnvironment: [], startNow: false, plan }
  const files = (): string[] => readdirSync(base, { recursive: true, encoding: 'utf8' }).toSorted()
  const commands = (): string[] => readFileSync(told, 'utf8').trim().split('\n')
  return { base, home, bin, systemctl, of, options, files, commands, launcher: join(home, 'service', 'start-codegend') }
}

test('systemd takes the unit without a word, whatever the path is', { skip: !hasSystemd }, async (t) => {
  const { home, launcher, base } = newPlace(t)
  mkdirSync(join(home, 'service'))
  script(launcher, 'exit 0')
  const { text } = systemdService({ home, launcher, environment: { HOME: base } })
  const unit = join(base, 'codegend.service')
  const verify = (content: string) => {
    writeFileSync(unit, content)
    return run('systemd-analyze', ['--user', 'verify', unit], { ...process.env, XDG_RUNTIME_DIR: base })
  }
  t.same(await verify(text), { code: 0, stderr: '', stdout: '' })
  t.match((await verify(text.replace('KillMode', 'KilMode'))).stderr, /KilMode/)

  // It looks only for what it would execute itself, so that is what proves that it reads the path as it was meant.
  const plain = join(base, 'a b%h %% ü')
  script(plain, 'exit 0')
  const direct = systemdService({ home, launcher: plain, environment: { HOME: base } }).text.replace('/bin/sh ', '')
  t.same(await verify(direct), { code: 0, stderr: '', stdout: '' })
  rmSync(plain)
  t.match((await verify(direct)).stderr, /not executable|No such file/)
})

test('a reload of the unit starts a codegend that takes over, and a stop kills nothing but what does not leave', async (t) => {
  const { home, launcher, options, of, commands, base } = newPlace(t)
  const { text } = systemdService({ home, launcher, environment: { HOME: base } })
  t.match(text, /^ExecStart=.* --take-over$/m)
  t.match(text, /^ExecReload=.* --reload$/m)
  t.match(text, /^NotifyAccess=all$/m, 'the new one names itself as the main process')
  t.match(text, /^KillMode=process$/m)
  const stopMs = Number(/^TimeoutStopSec=(\d+)$/m.exec(text)?.[1]) * 1_000
  t.ok(stopMs > limits.serviceLeaveMsMax + limits.maestroStopMsMax + limits.linkStopMsMax, `${stopMs} ms are enough`)

  const told = join(base, 'launched')
  const program = script(join(base, 'told.js'), '')
  const node = script(join(base, 'node'), `[ "$1" = -e ] && exit 0\nprintf '%s\\n' "$@" > '${told}'`)
  const environment = { ...options.environment, CODEGEN_HOME: home }
  await installService({ ...options, environment, plan: { ...options.plan, node, program } })
  const launch = async (...words: string[]): Promise<string[]> => {
    t.match(await run('/bin/sh', [launcher, ...words], { HOME: base, PATH: '/usr/bin:/bin' }), { code: 0 })
    while (!existsSync(told) || statSync(told).size === 0) await new Promise((resolve) => setImmediate(resolve))
    const lines = readFileSync(told, 'utf8').trim().split('\n')
    rmSync(told)
    return lines.slice(-2)
  }
  t.same(await launch('--take-over'), [program, '--take-over'])
  t.same(await launch('--reload'), [program, '--take-over'])
  t.notMatch(readFileSync(launcher, 'utf8'), /CODEGEN_SOCKET=/)
  await installService({ ...options, environment: { ...options.environment, XDG_RUNTIME_DIR: base } })
  t.match(readFileSync(launcher, 'utf8'), `CODEGEN_SOCKET='${base}/codegen/codegend.sock'`, 'where clients look for it')
  await restartService(of)
  t.equal(commands().at(-1), '--user reload-or-restart codegend.service')
})

test('launchd and Windows are given the path as it is, in files their parsers take', async (t) => {
  const { home, launcher } = newPlace(t)
  const agent = parsePlist(launchdService({ home, launcher, environment: { HOME: '/Users/me' } }).text)
  t.match(agent, {
    Label: 'codegen.codegend',
    ProgramArguments: ['/bin/sh', launcher, '--take-over'],
    RunAtLoad: true,
    KeepAlive: { SuccessfulExit: false },
  })
  const faults: string[] = []
  const onError = (_: unknown, message: string): void => void faults.push(message)
  const environment = { USERDOMAIN: 'A&B', USERNAME: 'me' }
  const document = new DOMParser({ onError }).parseFromString(
    windowsService({ home, launcher, environment }).text,
    'text/xml',
  )
  t.same(faults, [])
  t.equal(document.getElementsByTagName('UserId')[0]?.textContent, 'A&B\\me')
  t.equal(document.getElementsByTagName('Arguments')[0]?.textContent, `"${launcher}" --take-over`)
})

test('install says what it wrote, a second time changes nothing, and uninstall leaves nothing', async (t) => {
  const { base, home, of, options, files, commands, launcher } = newPlace(t)
  const unit = join(base, '.config', 'systemd', 'user', 'codegend.service')
  const before = files()
  const first = await installService({ ...options, startNow: true })
  t.same(first, [
    `wrote ${launcher}`,
    `wrote ${unit}`,
    'codegend runs, and starts at each login',
    'To keep it running while you are logged out: loginctl enable-linger me',
  ])
  t.same(commands().slice(1), [
    '--user daemon-reload',
    '--user enable codegend.service',
    '--user restart codegend.service',
  ])
  t.match(
    await describeService(of),
    `systemd user unit ${unit}, running; starts ${base}/codegend.js with ${process.execPath}`,
  )
  t.match(await installService(options), [`${launcher} is as it should be`, `${unit} is as it should be`])

  t.same(await uninstallService(of), [`removed ${unit}`, `removed ${launcher}`, 'codegend starts at login no more'])
  t.same(
    files().filter((file) => !file.startsWith('.config') && file !== 'told'),
    before,
  )
  t.same(readdirSync(home), [])
  t.same(await uninstallService(of), ['codegend was not started at login'])
  t.match(await describeService(of), /^not installed/)
})

test('where there is no systemd one sentence says so and nothing is written; what systemd refuses is told', async (t) => {
  const { options, files, systemctl, of } = newPlace(t)
  script(systemctl, 'echo "Failed to connect to bus" >&2; exit 1')
  const before = files()
  await t.rejects(installService(options), {
    code: 'config.invalid',
    message: /^There is no systemd for this user here/,
  })
  t.same(files(), before)
  script(systemctl, 'case $2 in enable) echo "Unit is masked." >&2; exit 1;; esac')
  await t.rejects(installService(options), { message: /^systemctl --user enable .* failed: Unit is masked\.$/ })
  script(systemctl, 'case $2 in is-enabled) exit 1;; esac')
  await t.rejects(describeService(of), { message: /not started at login/, hint: /codegen service install/ })
})

test('settings go along only by name, for their owner alone, and never into what is said', async (t) => {
  const { options, home, of } = newPlace(t)
  const environment = { ...options.environment, OPENAI_API_KEY: 'sk-canary', CODEGEN_MODEL: 'm' }
  const install = (names: string[]) => installService({ ...options, environment, withEnvironment: names })
  t.match(
    (await install([])).join('\n'),
    /unknown at login: OPENAI_API_KEY, CODEGEN_MODEL; .* --with-env OPENAI_API_KEY,CODEGEN_MODEL$/m,
  )
  const said = [...(await install(['OPENAI_API_KEY'])), ...(await install(['CODEGEN_MODEL']))].join('\n')
  t.match(said, /it takes along: OPENAI_API_KEY, CODEGEN_MODEL/)
  t.notMatch(said, /canary/)
  const file = join(home, 'service', 'environment')
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.match(readFileSync(file, 'utf8'), /^OPENAI_API_KEY=sk-canary\nCODEGEN_MODEL=m$/m)
  for (const [names, sentence] of [
    [['NOT_SET'], /NOT_SET is not set here/],
    [['A B'], /takes names of variables/],
  ] as const)
    await t.rejects(install([...names]), { code: 'request.invalid', message: sentence })
  await uninstallService(of)
  t.same(readdirSync(home), [])
})

test('whatever a setting or a path holds, codegend is started with exactly that', async (t) => {
  const { base, home, options, launcher } = newPlace(t)
  const node = script(
    join(base, 'node'),
    `[ "$1" = -e ] && exit 0\nprintf '%s\\n' "$GIVEN" "$CODEGEN_HOME" "$CODEGEN_SERVICE" "$@"`,
  )
  const plan = { ...options.plan, node }
  const value = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => !/[\r\n\0]/.test(text))
  await fc.assert(
    fc.asyncProperty(value, async (given) => {
      await installService({
        ...options,
        plan,
        environment: { ...options.environment, GIVEN: given },
        withEnvironment: ['GIVEN'],
      })
      const { stdout } = await run('/bin/sh', [launcher], { HOME: base, PATH: '/usr/bin:/bin' })
      t.same(stdout.split('\n'), [given, home, '1', '--max-semi-space-size=1', plan.program, ''])
    }),
    { numRuns: 25 },
  )
})

test('codegend starts with another Node when the one of the installation is gone, and says so when there is none', async (t) => {
  const { base, home, options } = newPlace(t)
  const text = (of: Partial<Parameters<typeof renderLauncher>[0]>): string =>
    renderLauncher({ home, socket: undefined, path: '/usr/bin:/bin', ...options.plan, ...of })
  const which = async (content: string) => {
    writeFileSync(join(base, 'launch'), content)
    return run('/bin/sh', [join(base, 'launch'), '--which'], { HOME: base, PATH: '/usr/bin:/bin' })
  }
  const gone = join(base, '.nvm/versions/node/v24.1.0/bin/node')
  const [old, fits] = ['v20.1.0', 'v24.2.0'].map((name) => {
    const folder = join(base, '.nvm/versions/node', name, 'bin')
    mkdirSync(folder, { recursive: true })
    return script(join(folder, 'node'), name === 'v20.1.0' ? 'exit 1' : 'exit 0')
  })
  t.match(await which(text({ node: gone, path: '/nowhere' })), {
    code: 0,
    stdout: `${fits}\n${options.plan.program}\n`,
  })
  t.match(await which(text({ node: old ?? '', path: '/nowhere' })), { stdout: `${fits}\n` })
  t.match(await which(text({ program: join(base, 'gone.js') })), {
    code: 78,
    stderr: /gone\.js is gone; install CodeGen again/,
  })

  chmodSync(fits ?? '', 0o644)
  const none = await which(text({ node: gone, path: '/nowhere' }))
  // A machine may have a Node of its own where every user has one.
  if (none.code === 0) t.match(none.stdout, /^\/(usr|opt)\//)
  else t.match(none, { code: 78, stderr: /there is no Node 24 or newer/ })
})
