import { createHash } from 'node:crypto'
import { chmod, chown, lstat, mkdir, mkdtemp, readFile, realpath, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { limits } from '#limits'
import { findProgram, toCommand } from './embedded-account.ts'
import type { Account } from './embedded-account.ts'
import { copyBinaries, findBinaries } from './embedded-binaries.ts'
import type { Binaries } from './embedded-binaries.ts'
import { notStarted } from './embedded-failure.ts'
import { lastLine, run } from './embedded-run.ts'

/** Where Postgres lives and as whom. */
export type Place = {
  readonly account: Account
  readonly binaries: Binaries
  /** Private to the account: 0700. */
  readonly folder: string
  readonly data: string
  /** Private to ourselves: what the account cannot write. */
  readonly notes: string
  /** Holds the socket; short enough for a socket's path. */
  readonly socketFolder: string
}

/**
 * Chooses account and folders, the same at each start. `folder` is where it lives unless root has to be `nobody`; then that is below
 * `sharedFolder`, which such an account can enter. Fails with postgres.unreachable.
 */
export async function choosePlace(of: {
  folder: string
  sharedFolder: string
  signal: AbortSignal | undefined
}): Promise<Place> {
  const { folder, sharedFolder, signal } = of
  const own = await makePrivate(folder)
  const binaries = await findBinaries()
  if (process.getuid?.() !== 0) return await toPlace({ kind: 'self' }, binaries, { folder: own, notes: own })

  const shared = join(sharedFolder, createHash('sha256').update(folder).digest('hex').slice(0, 16))
  const unshare = process.platform === 'linux' ? await findProgram('unshare') : undefined
  const namespace: Account | undefined = unshare ? { kind: 'namespace', unshare } : undefined
  if (namespace && (await isThere(join(own, 'data'))))
    return await toPlace(namespace, binaries, { folder: own, notes: own })
  if (!(await isThere(join(shared, 'data'))) && namespace) {
    const refusal = await refusalOf(namespace, binaries, signal)
    if (refusal === undefined) return await toPlace(namespace, binaries, { folder: own, notes: own })
  }
  return await asNobody(binaries, { shared, sharedFolder, notes: own, signal })
}

async function asNobody(
  installed: Binaries,
  of: { shared: string; sharedFolder: string; notes: string; signal: AbortSignal | undefined },
): Promise<Place> {
  const account: Account = { kind: 'nobody', ...(await findNobody()) }
  try {
    const binaries = await copyBinaries(installed, of.sharedFolder)
    await mkdir(of.shared, { recursive: true, mode: 0o700 })
    await chown(of.shared, account.uid, account.gid)
    const refusal = await refusalOf(account, binaries, of.signal)
    if (refusal !== undefined) throw new Error(refusal)
    return await toPlace(account, binaries, { folder: of.shared, notes: of.notes })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw notStarted(
      `it refuses root, and this system lets root start it neither in a namespace nor as nobody (${why})`,
      error,
    )
  }
}

/** Why the account cannot run Postgres; undefined when it can. */
async function refusalOf(
  account: Account,
  binaries: Binaries,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  try {
    await run(toCommand(account, join(binaries.folder, 'bin', 'postgres'), ['--version']), signal)
    return undefined
  } catch (error) {
    return error instanceof Error ? lastLine(error.message) : String(error)
  }
}

async function toPlace(account: Account, binaries: Binaries, of: { folder: string; notes: string }): Promise<Place> {
  // As the system names it: that is how a running one is recognised.
  const folder = await realpath(of.folder)
  const socketFolder = await chooseSocketFolder(folder, { account, notes: of.notes })
  return { account, binaries, folder, data: join(folder, 'data'), notes: of.notes, socketFolder }
}

/** The folder itself, or a short one elsewhere that is remembered in it. */
async function chooseSocketFolder(folder: string, of: { account: Account; notes: string }): Promise<string> {
  const { account, notes } = of
  if (isShort(folder)) return folder
  const note = join(notes, 'socket-folder')
  const known = await readFile(note, 'utf8').catch(() => '')
  if (known !== '' && (await isPrivate(known, account))) return known
  const runtime = process.env['XDG_RUNTIME_DIR']
  const parents = [...(runtime ? [runtime] : []), tmpdir(), '/tmp']
  const parent = parents.find((candidate) => isShort(join(candidate, 'codegen-pg-123456')))
  if (parent === undefined) throw notStarted(`no folder has a path short enough for its socket, ${folder} neither`)
  const made = await mkdtemp(join(parent, 'codegen-pg-'))
  if (account.kind === 'nobody') await chown(made, account.uid, account.gid)
  await writeFile(note, made, { mode: 0o600 })
  return made
}

function isShort(folder: string): boolean {
  return Buffer.byteLength(join(folder, '.s.PGSQL.5432.lock')) <= limits.embedded.socketPathBytesMax
}

/** Whether nobody but the account can have put anything there. */
async function isPrivate(folder: string, account: Account): Promise<boolean> {
  const owner = account.kind === 'nobody' ? account.uid : process.getuid?.()
  const found = await lstat(folder).catch(() => undefined)
  return found !== undefined && found.isDirectory() && found.uid === owner && (found.mode & 0o077) === 0
}

async function makePrivate(folder: string): Promise<string> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await chmod(folder, 0o700)
    return folder
  } catch (error) {
    throw notStarted(`its folder ${folder} cannot be made or is not ours`, error)
  }
}

async function findNobody(): Promise<{ uid: number; gid: number }> {
  const accounts = await readFile('/etc/passwd', 'utf8').catch(() => '')
  const [, uid, gid] = /^nobody:[^:]*:(\d+):(\d+):/m.exec(accounts) ?? []
  return { uid: Number(uid ?? 65_534), gid: Number(gid ?? 65_534) }
}

async function isThere(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  )
}
