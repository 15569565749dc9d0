import { mkdirSync, readFileSync, rmSync, rmdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import { findSocketPath } from '@codegen/protocol/socket-path'
import { limits } from '#limits'
import { readSettings, renderSettings, settingNames } from './environment-file.ts'
import { renderLauncher } from './launcher.ts'
import type { LaunchPlan } from './launcher.ts'
import type { Argv, LoginService } from './login-service.ts'
import { runCommand } from './run-command.ts'
import { isInstalled, serviceFiles, serviceOf } from './service-state.ts'
import type { ServiceOf } from './service-state.ts'

export type InstallOptions = ServiceOf & {
  /** Names of variables whose values go along. */
  readonly withEnvironment: readonly string[]
  readonly startNow: boolean
  readonly plan: Pick<LaunchPlan, 'node' | 'nodeOptions' | 'program'>
}

/**
 * Makes codegend start at login; a second time brings the files up to date. Answers what it did, a line each. Fails with config.invalid where this machine has no
 * way to do that, or refuses, and has then written nothing, or says what.
 */
export async function installService(options: InstallOptions): Promise<string[]> {
  const { home, environment, withEnvironment, startNow, plan } = options
  const service = serviceOf(options)
  const files = serviceFiles(home)
  const kept = readSettings(files.settings)
  const settings = renderSettings(kept, withEnvironment, environment)
  const there = await runCommand(service.commands.available, environment)
  if (!there.isDone) throw new Failure('config.invalid', service.absent)

  const said: string[] = []
  const write = (path: string, text: string, mode: number): void => void said.push(writeIfOther(path, text, mode))
  mkdirSync(files.folder, { recursive: true, mode: 0o700 })
  const path = toStablePath(environment['PATH'] ?? '')
  write(files.launcher, renderLauncher({ ...plan, home, path, socket: socketBeside(home, environment) }), 0o700)
  if (withEnvironment.length > 0) write(files.settings, settings, 0o600)
  mkdirSync(dirname(service.file), { recursive: true })
  write(service.file, service.text, 0o644)
  await runAll(service, [...service.commands.enable, ...(startNow ? service.commands.start : [])], environment)

  said.push(startNow ? 'codegend runs, and starts at each login' : 'codegend starts at your next login')
  return [...said, ...sayOfSettings({ kept, taken: withEnvironment, environment }), ...service.hints]
}

/** Takes everything of it away again. Answers what it did, a line each; that nothing was installed is no mistake. */
export async function uninstallService(of: ServiceOf): Promise<string[]> {
  const { home, environment } = of
  const service = serviceOf(of)
  const { folder, launcher, settings } = serviceFiles(home)
  const wasInstalled = isInstalled(of)
  if (wasInstalled) await runAll(service, service.commands.disable, environment)
  const said = [service.file, launcher, settings].flatMap((path) => {
    if (readIfThere(path) === undefined) return []
    rmSync(path)
    return [`removed ${path}`]
  })
  try {
    rmdirSync(folder)
  } catch {
    // It is not there, or somebody put something into it.
  }
  if (wasInstalled) await runAll(service, service.commands.forget, environment)
  return said.length > 0 ? [...said, 'codegend starts at login no more'] : ['codegend was not started at login']
}

/** Starts the installed service now; what runs of it is ended. */
export async function startService(of: ServiceOf): Promise<void> {
  const service = serviceOf(of)
  await runAll(service, service.commands.start, of.environment)
}

/** Starts the installed service anew; the calls of the codegend that runs are finished, at least for a while. */
export async function restartService(of: ServiceOf): Promise<void> {
  const service = serviceOf(of)
  await runAll(service, service.commands.restart ?? service.commands.start, of.environment)
}

async function runAll(
  service: LoginService,
  commands: readonly Argv[],
  environment: ServiceOf['environment'],
): Promise<void> {
  for (const argv of commands) {
    const { isDone, complaint } = await runCommand(argv, environment)
    if (isDone) continue
    throw new Failure(
      'config.invalid',
      `${argv.join(' ').slice(0, limits.shownCommandCharactersMax)} failed: ${complaint}`,
      {
        hint: `What was written so far: ${service.file}`,
      },
    )
  }
}

/** Where clients of this user look, when that is not in CODEGEN_HOME: the launcher names CODEGEN_HOME, and would be looked for there. */
function socketBeside(home: string, environment: ServiceOf['environment']): string | undefined {
  const { path } = findSocketPath(environment, environment['HOME'] || homedir())
  return path === join(home, 'run', 'codegend.sock') ? undefined : path
}

function writeIfOther(path: string, text: string, mode: number): string {
  if (readIfThere(path) === text) return `${path} is as it should be`
  // A new file, so that its mode is right from the first moment.
  rmSync(path, { force: true })
  writeFileSync(path, text, { mode, flag: 'wx' })
  return `wrote ${path}`
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** Without what npx put in front for this one command. */
function toStablePath(path: string): string {
  const folders = path
    .split(':')
    .filter((folder) => folder !== '' && !folder.includes('/node_modules/') && !folder.includes('/.npm/_npx/'))
  return folders.length > 0 ? folders.join(':') : '/usr/local/bin:/usr/bin:/bin'
}

function sayOfSettings(of: {
  kept: ReadonlyMap<string, string>
  taken: readonly string[]
  environment: ServiceOf['environment']
}): string[] {
  const known = new Set([...of.kept.keys(), ...of.taken])
  const missing = settingNames.filter((name) => of.environment[name] && !known.has(name))
  const said = known.size > 0 ? [`it takes along: ${[...known].join(', ')}`] : []
  if (missing.length === 0) return said
  return [
    ...said,
    `set in this terminal, but unknown at login: ${missing.join(', ')}; to take them along: codegen service install --with-env ${missing.join(',')}`,
  ]
}
