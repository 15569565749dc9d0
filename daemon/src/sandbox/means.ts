import { execFile } from 'node:child_process'
import { limits } from '#limits'
import { findProgram } from './find-program.ts'
import { toSandboxArguments } from './sandbox-arguments.ts'

/** What this machine has to contain a process with. */
export type Means = {
  readonly sandbox: SandboxLook
  /** Programs that bound a process, and that end it with the one who started it. Absent where they do not work. */
  readonly prlimit: string | undefined
  readonly setpriv: string | undefined
}

/** Whether bubblewrap can start a process here. `reason` is a clause. */
export type SandboxLook =
  | { readonly kind: 'works'; readonly program: string; readonly version: string }
  | { readonly kind: 'absent'; readonly reason: string }

const known = new Map<string, Promise<Means>>()

/**
 * Tries what there is, once for each PATH, by starting Node in the sandbox that plugins get. What took too long to answer is tried again the next time. Never fails.
 */
export function findMeans(path: string | undefined): Promise<Means> {
  const key = path ?? ''
  const found = known.get(key) ?? tryMeans(path, () => known.delete(key))
  known.set(key, found)
  return found
}

async function tryMeans(path: string | undefined, forget: () => void): Promise<Means> {
  const tries = { path, late: false }
  const sandbox = await trySandbox(tries)
  const prlimit = await tryProgram('prlimit', ['--core=0:0', '--'], tries)
  const setpriv = await tryProgram('setpriv', ['--pdeathsig', 'KILL', '--'], tries)
  if (tries.late) forget()
  return { sandbox, prlimit, setpriv }
}

type Tries = { readonly path: string | undefined; late: boolean }

async function trySandbox(tries: Tries): Promise<SandboxLook> {
  if (process.platform !== 'linux') return absent(`bubblewrap is for Linux, this is ${process.platform}`)
  const program = findProgram('bwrap', tries.path)
  if (program === undefined) return absent('bubblewrap is not installed')
  const version = await tryCommand([program, '--version'], tries)
  if (version.kind === 'failed') return absent(`bubblewrap does not answer (${version.says})`)
  const view = { readable: [process.execPath], writable: [], hidden: [], cwd: '/' }
  const inside = await tryCommand([program, ...toSandboxArguments(view), '--', process.execPath, '-v'], tries)
  if (inside.kind === 'done') return { kind: 'works', program, version: version.says || 'bubblewrap' }
  return absent(`bubblewrap is installed, but cannot make a sandbox on this machine (${inside.says})`)
}

function absent(reason: string): SandboxLook {
  return { kind: 'absent', reason }
}

async function tryProgram(name: string, options: readonly string[], tries: Tries): Promise<string | undefined> {
  const program = process.platform === 'linux' ? findProgram(name, tries.path) : undefined
  if (program === undefined) return undefined
  const tried = await tryCommand([program, ...options, program, '--version'], tries)
  return tried.kind === 'done' ? program : undefined
}

type Tried = { kind: 'done' | 'failed'; says: string }

function tryCommand([file = '', ...words]: readonly string[], tries: Tries): Promise<Tried> {
  return new Promise((resolve) => {
    const options = { timeout: limits.probeMsMax, encoding: 'utf8', env: {} } as const
    execFile(file, words, options, (error, stdout, stderr) => {
      if (error?.killed) tries.late = true
      if (!error) resolve({ kind: 'done', says: firstLine(stdout) })
      else resolve({ kind: 'failed', says: firstLine(stderr) || error.message })
    })
  })
}

function firstLine(text: string): string {
  return text.trim().split('\n', 1).join().slice(0, 200)
}
