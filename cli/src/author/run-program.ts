import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { Failure } from '@codegen/protocol/failure'

export type ProgramEnd = { readonly code: number; readonly stdout: string; readonly stderr: string }

/** Runs git or npm with the person's own settings and credentials. Fails with request.invalid where there is no such program, and with the signal's reason. */
export async function runProgram(
  program: 'git' | 'npm',
  words: readonly string[],
  { cwd, signal, env }: { cwd: string; signal: AbortSignal; env?: Readonly<Record<string, string>> },
): Promise<ProgramEnd> {
  signal.throwIfAborted()
  const child = spawn(program, words, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const end = (): boolean => child.kill()
  signal.addEventListener('abort', end, { once: true })
  const closed = new Promise<number>((resolve, reject) => {
    child.on('error', () =>
      reject(new Failure('request.invalid', `${program} is needed for this and cannot be started.`)),
    )
    child.on('close', (code) => resolve(code ?? 1))
  })
  try {
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), closed])
    signal.throwIfAborted()
    return { code, stdout, stderr }
  } finally {
    signal.removeEventListener('abort', end)
  }
}
