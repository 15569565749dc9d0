// The check: format, lint, types and dead code, side by side. Shows what each one that failed has said, and fails if any did.
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'

const results = await Promise.all([run('oxfmt', '--check'), run('oxlint'), run('tsc', '-b'), run('knip')])
for (const { command, isOk, output } of results)
  process.stdout.write(`${command}: ${isOk ? 'ok' : `failed\n${output}`}\n`)
process.exitCode = results.every(({ isOk }) => isOk) ? 0 : 1

async function run(program: string, ...parameters: string[]) {
  const colour = process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}
  const child = spawn(program, parameters, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...colour } })
  const ended = new Promise<boolean>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve(code === 0))
  })
  const [stdout, stderr, isOk] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { command: [program, ...parameters].join(' '), isOk, output: stdout + stderr }
}
