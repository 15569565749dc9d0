import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { delimiter, join } from 'node:path'
import { startScriptedModel } from '@codegen/scripted-model'
import type { ScriptedModel } from '@codegen/scripted-model'
import { toEnvironment } from '#demo/environment'
import { createScratchProject } from '#demo/scratch-project'
import type { ScratchProject } from '#demo/scratch-project'
import { stopDaemon } from '#demo/stop-daemon'

const checkout = join(import.meta.dirname, '..')
const prompt = 'add a /health endpoint'
const runMsMax = 60_000

/** The whole system in one command: a scratch repository, a scripted model, and everything else as a user has it. */
async function demo(): Promise<number> {
  const model = await startScriptedModel({ scenario: join(checkout, 'scripted-model', 'scenarios', 'demo.yaml') })
  try {
    const project = await createScratchProject()
    try {
      return await show(project, model)
    } finally {
      await project.remove()
    }
  } finally {
    await model.stop()
  }
}

async function show(project: ScratchProject, model: ScriptedModel): Promise<number> {
  say('A small HTTP service in a scratch repository, and a scripted model. Everything else is real.')
  say(`  project  ${project.folder}`, `  model    ${model.url}`)
  let problem = await runCodegen(project, model)
  const left = await stopDaemon(project.home)
  if (left.length > 0) problem ??= `codegend left processes behind, which were killed: ${left.join(', ')}`
  problem ??= await showDiff(project)
  problem ??= await runTests(project)
  if (problem !== undefined) {
    say('', `The demo failed: ${problem}.`)
    return 1
  }
  say('', ...realModel())
  return 0
}

async function runCodegen({ folder, home }: ScratchProject, model: ScriptedModel): Promise<string | undefined> {
  say('', `$ codegen --auto "${prompt}"`)
  const codegen = join(checkout, 'cli', 'bin', 'codegen.cjs')
  // In a checkout the sources run, as they run us; what was built may be older.
  const conditions = process.execArgv.filter((option) => option.startsWith('--conditions'))
  const code = await run(process.execPath, [...conditions, codegen, '--auto', prompt], {
    folder,
    env: toEnvironment(home, model.url),
  })
  if (code !== '0') return `codegen ended with ${code}`
  return model.requests.length > 0 ? undefined : 'the model was never asked'
}

async function showDiff(project: ScratchProject): Promise<string | undefined> {
  say('', '$ git diff')
  const diff = await project.git('diff', process.stdout.isTTY ? '--color=always' : '--color=never')
  process.stdout.write(diff)
  return /src\/app\.js/.test(diff) && diff.includes('health') ? undefined : 'the change is not there'
}

async function runTests({ folder }: ScratchProject): Promise<string | undefined> {
  say('', '$ node --test')
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const code = await run(process.execPath, ['--test'], { folder, env })
  return code === '0' ? undefined : "the project's tests fail"
}

/** Runs a program in the user's sight. Returns its exit code, or the signal that ended it. */
async function run(program: string, parameters: string[], options: { folder: string; env: NodeJS.ProcessEnv }) {
  const child = spawn(program, parameters, { cwd: options.folder, env: options.env, stdio: 'inherit' })
  const end = () => child.kill('SIGTERM')
  const timer = setTimeout(end, runMsMax)
  process.once('SIGTERM', end)
  const [code, signal] = await once(child, 'exit')
  process.off('SIGTERM', end)
  clearTimeout(timer)
  return String(code ?? signal)
}

function realModel(): string[] {
  const bin = join(checkout, 'node_modules', '.bin')
  return [
    'With a real model:',
    `  export PATH="${bin}${delimiter}$PATH"`,
    '  export OPENAI_API_KEY=sk-...',
    '  # or any OpenAI-compatible server, here one on this machine:',
    '  export OPENAI_BASE_URL=http://127.0.0.1:11434/v1 OPENAI_API_KEY=none CODEGEN_MODEL=qwen3-coder',
    `  cd your/project && codegen "${prompt}"`,
  ]
}

function say(...lines: string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`)
}

// Ctrl-C reaches codegen too: it ends its run, and then we clean up as always.
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => undefined)
process.exitCode = await demo()
