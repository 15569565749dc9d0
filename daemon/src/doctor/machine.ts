import { lstat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import { findSocketPath } from '@codegen/protocol/socket-path'
import { loadConfig } from '#config'
import type { Environment } from '#config'
import { limits } from '#limits'
import { describeService } from '#service/service-state'
import type { Look } from './look.ts'
import { describeSandbox } from './sandbox.ts'

/** What codegend needs of this machine, whether or not it runs. */
export function machineLooks(environment: Environment): Look[] {
  const home = (): string => loadConfig(environment).home
  return [
    { name: 'settings', look: () => `${home()}/config.json and the environment are understood` },
    { name: 'folders', look: () => checkFolders(home(), dirname(socketPathOf(environment))) },
    { name: 'disk', look: () => checkDisk(home()) },
    { name: 'sandbox', look: () => describeSandbox(environment['PATH']) },
    { name: 'service', look: (signal) => describeService({ home: home(), environment, signal }) },
  ]
}

function socketPathOf(environment: Environment): string {
  return findSocketPath(environment, environment['HOME'] ?? '').path
}

async function checkFolders(...folders: readonly string[]): Promise<string> {
  const known = [...new Set(folders)]
  const missing = (await Promise.all(known.map(checkFolder))).filter((folder) => folder !== undefined)
  return missing.length === known.length
    ? `${known.join(' and ')} will be made at the first start`
    : `${known.join(' and ')} belong to you alone`
}

/** The folder where it is not there yet, which is no fault. */
async function checkFolder(folder: string): Promise<string | undefined> {
  const found = await lstat(folder).catch(() => undefined)
  if (!found) return folder
  const todo = { hint: `Make it yours alone: chmod 700 ${folder}` }
  if (!found.isDirectory()) throw new Failure('config.invalid', `${folder} is not a folder; move it away.`)
  if (process.getuid && found.uid !== process.getuid())
    throw new Failure(
      'config.invalid',
      `${folder} belongs to another user (${found.uid}); set CODEGEN_HOME to one of yours.`,
    )
  if (found.mode & 0o077) throw new Failure('config.invalid', `${folder} is open to others.`, todo)
  if ((found.mode & 0o700) !== 0o700) throw new Failure('config.invalid', `${folder} is closed to you.`, todo)
  return undefined
}

async function checkDisk(home: string): Promise<string> {
  const place = await firstThere(home)
  const { bavail, bsize } = await statfs(place)
  const free = bavail * bsize
  const says = `${(free / 1e9).toFixed(1)} GB free at ${home}`
  if (free >= limits.diskFreeBytesMin) return says
  throw new Failure('config.invalid', `Only ${says}.`, {
    hint: 'Postgres and the journal stop where the disk is full: make room, or set CODEGEN_HOME to another disk.',
  })
}

/** The folder, or the nearest one above it that is there. */
async function firstThere(folder: string): Promise<string> {
  const found = await lstat(folder).catch(() => undefined)
  return found || folder === dirname(folder) ? folder : firstThere(dirname(folder))
}
