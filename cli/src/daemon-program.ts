/** How codegend's program is started by the Node that runs this: the arguments before its own. */
export function daemonProgram(): string[] {
  const { resolve } = process.getBuiltinModule('node:path')
  const conditions = process.execArgv.filter((option) => option.startsWith('--conditions'))
  return [...conditions, resolve(import.meta.dirname, '../../daemon/bin/codegend.js')]
}

export type ProgramEnd = { readonly code: number; readonly stdout: string; readonly stderr: string }

/** Asks codegend's program something that needs no codegend to run. Never fails: what went wrong is its exit code and its words. */
export function askDaemonProgram(words: readonly string[]): Promise<ProgramEnd> {
  const { spawn } = process.getBuiltinModule('node:child_process')
  return new Promise((done) => {
    const child = spawn(process.execPath, [...daemonProgram(), ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
    const said = { stdout: '', stderr: '' }
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text))
    child.on('error', (error) => done({ code: 1, stdout: '', stderr: error.message }))
    child.on('close', (code) => done({ code: code ?? 1, ...said }))
  })
}
