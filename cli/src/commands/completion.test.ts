import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { startFakeDaemon } from '#fake-daemon'
import { installCodegen, runCodegen } from '#test-codegen'
import { commands } from '#commands'

const installed = await installCodegen({ after: (clean) => process.on('exit', clean) })
const bin = join(installed.folder, 'bin')
await mkdir(bin)
const wrapper = `#!/bin/sh\nexec '${process.execPath}' '${installed.bundle}' "$@"\n`
await writeFile(join(bin, 'codegen'), wrapper)
await chmod(join(bin, 'codegen'), 0o755)

const shellPath = (name: string) =>
  ['/bin', '/usr/bin'].map((folder) => join(folder, name)).find((path) => existsSync(path))

function run(file: string, args: string[], environment: Record<string, string> = {}): Promise<string> {
  const env = {
    PATH: `${bin}:/usr/bin:/bin`,
    HOME: installed.folder,
    CODEGEN_SOCKET: installed.socketPath,
    ...environment,
  }
  return new Promise((resolve, reject) => {
    execFile(file, args, { env, cwd: installed.folder }, (error, stdout, stderr) =>
      error || stderr ? reject(error ?? new Error(stderr)) : resolve(stdout),
    )
  })
}

/** What bash would offer for the last word of a line, with completion set up as a user does. */
async function complete(line: string[], environment: Record<string, string> = {}): Promise<string[]> {
  const ask =
    'eval "$(codegen completion bash)"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _codegen; printf "%s\\n" "${COMPREPLY[@]}"'
  const offered = await run('/bin/bash', ['-c', ask, 'bash', 'codegen', ...line], environment)
  return offered.split('\n').filter(Boolean)
}

test('bash completes commands, their second words, options and their values', async (t) => {
  const firstWords = new Set(
    commands.filter(({ name, isHidden }) => name && !isHidden).map(({ name }) => name.split(' ')[0]),
  )
  t.same(new Set(await complete([''])), firstWords)
  const lines: [string[], string[]][] = [
    [['lo'], ['log', 'logs']],
    [
      ['daemon', 'st'],
      ['start', 'stop'],
    ],
    [
      ['service', ''],
      ['install', 'uninstall', 'status'],
    ],
    [
      ['logs', '--l'],
      ['--lines', '--level'],
    ],
    [
      ['logs', '--level', ''],
      ['info', 'warn', 'error'],
    ],
    [
      ['logs', '--level', '='],
      ['info', 'warn', 'error'],
    ],
    [['logs', '--level', '=', 'w'], ['warn']],
    [['service', 'install', '--w'], ['--with-env']],
    [['--re'], ['--read-only']],
    [['--cwd', ''], []],
    [
      ['-C', '/tmp', 'lo'],
      ['log', 'logs'],
    ],
    [['completion', 'z'], ['zsh']],
    [['help', 'docto'], ['doctor']],
    [['--', 'ru'], []],
    [['cancel', 'x', ''], []],
  ]
  for (const [line, offered] of lines) t.same(await complete(line), offered, line.join(' '))
})

test('bash completes the ids of runs, and nothing in them is obeyed', async (t) => {
  const run = {
    generation_id: 'abcdef01-2',
    session_id: 's',
    status: 'completed',
    prompt: 'a\x1b[2J b',
    cwd: '/',
    mode: 'ask',
  }
  const environment = { CODEGEN_SOCKET: join(installed.folder, 'runs.sock') }
  const daemon = await startFakeDaemon(environment.CODEGEN_SOCKET, {
    'run/list': () => ({
      runs: [run, { ...run, generation_id: '$(touch${IFS}owned)' }, { ...run, generation_id: 'ffff' }],
    }),
  })
  t.after(() => daemon.close())
  t.same(await complete(['log', ''], environment), ['abcdef01-2', 'ffff'])
  t.same(await complete(['logs', '--run', 'ab'], environment), ['abcdef01-2'])
  t.equal(existsSync(join(installed.folder, 'owned')), false)
  t.same(await complete(['log', '']), [], 'where no codegend runs nothing is offered, and none is started')
})

for (const shell of ['zsh', 'fish']) {
  test(
    `${shell} takes its script`,
    { skip: shellPath(shell) === undefined && `there is no ${shell} here` },
    async (t) => {
      const script = join(installed.folder, `completion.${shell}`)
      await writeFile(script, (await runCodegen(installed, ['completion', shell]).ended).stdout)
      t.equal(await run(shellPath(shell) ?? '', ['-n', script]), '')
    },
  )
}

test('fish offers what bash does', { skip: shellPath('fish') === undefined && 'there is no fish here' }, async (t) => {
  const offered = await run(shellPath('fish') ?? '', [
    '-c',
    'codegen completion fish | source; complete -C "codegen daemon st"',
  ])
  t.same(
    new Set(
      offered
        .trim()
        .split('\n')
        .map((line) => line.split('\t')[0]),
    ),
    new Set(['start', 'stop']),
  )
})

test('another shell is one sentence', async (t) => {
  const { code, stderr } = await runCodegen(installed, ['completion', 'tcsh']).ended
  t.equal(code, 2)
  t.equal(stderr, 'codegen: codegen completes bash, zsh and fish, not tcsh.\n')
})
