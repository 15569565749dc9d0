import { execFile } from 'node:child_process'
import { limits } from '#limits'

/** Whether commands could be run in a sandbox here. They are not yet, and that is said. */
export async function describeSandbox(signal: AbortSignal): Promise<string> {
  return `${await findSandbox(signal)}; commands are not run in a sandbox yet, so one you allow runs as you`
}

async function findSandbox(signal: AbortSignal): Promise<string> {
  if (process.platform !== 'linux') return `bubblewrap is for Linux, this is ${process.platform}`
  const version = await tryCommand('bwrap', ['--version'], signal)
  if (version.kind === 'absent') return 'bubblewrap is not installed'
  const inside = await tryCommand('bwrap', ['--unshare-all', '--ro-bind', '/', '/', 'true'], signal)
  if (inside.kind === 'done') return `${version.text || 'bubblewrap'} works`
  return 'bubblewrap is installed, but this machine does not let it make user namespaces'
}

type Tried = { kind: 'done'; text: string } | { kind: 'absent' | 'failed'; text: string }

function tryCommand(command: string, args: readonly string[], signal: AbortSignal): Promise<Tried> {
  return new Promise((resolve) => {
    execFile(command, args, { signal, timeout: limits.probeMsMax, encoding: 'utf8' }, (error, stdout) => {
      if (!error) resolve({ kind: 'done', text: stdout.trim() })
      else resolve({ kind: error.code === 'ENOENT' ? 'absent' : 'failed', text: error.message })
    })
  })
}
