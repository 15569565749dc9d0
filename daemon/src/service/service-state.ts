import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import type { Environment } from '#config'
import { launchdService } from './launchd.ts'
import type { LoginService } from './login-service.ts'
import { runCommand } from './run-command.ts'
import { systemdService } from './systemd.ts'
import { windowsService } from './windows.ts'

export type ServiceOf = {
  /** CODEGEN_HOME. */
  readonly home: string
  readonly environment: Environment
  readonly platform?: NodeJS.Platform
  readonly signal?: AbortSignal
}

/** Where the service's own files are: a folder in CODEGEN_HOME. */
export function serviceFiles(home: string): { folder: string; launcher: string; settings: string } {
  const folder = join(home, 'service')
  return { folder, launcher: join(folder, 'start-codegend'), settings: join(folder, 'environment') }
}

/** What starts programs at login on this kind of system. */
export function serviceOf({ home, environment, platform = process.platform }: ServiceOf): LoginService {
  const place = { home, launcher: serviceFiles(home).launcher, environment }
  if (platform === 'darwin') return launchdService(place)
  return platform === 'win32' ? windowsService(place) : systemdService(place)
}

export function isInstalled(of: ServiceOf): boolean {
  return existsSync(serviceOf(of).file)
}

/** In a few words whether codegend starts at login, and with what. Fails with config.invalid where it is installed and would not start. */
export async function describeService(of: ServiceOf): Promise<string> {
  const { environment, home, signal } = of
  const service = serviceOf(of)
  if (!isInstalled(of)) return 'not installed; codegen service install starts codegend at login'
  const again = { hint: 'Install it again: codegen service install' }
  const { launcher } = serviceFiles(home)
  if (!existsSync(launcher))
    throw new Failure('config.invalid', `${service.file} starts ${launcher}, which is gone.`, again)
  const ask = (argv: Parameters<typeof runCommand>[0]) => runCommand(argv, environment, signal)
  const [which, enabled, running] = await Promise.all([
    ask(['/bin/sh', launcher, '--which']),
    ask(service.commands.isEnabled),
    ask(service.commands.isRunning),
  ])
  if (!which.isDone) throw new Failure('config.invalid', which.complaint, again)
  if (!enabled.isDone) throw new Failure('config.invalid', `${service.file} is there, but not started at login.`, again)
  const [node = '', program = ''] = which.output.split('\n')
  return `${service.kind} ${service.file}, ${running.isDone ? 'running' : 'not running'}; starts ${program} with ${node}`
}
