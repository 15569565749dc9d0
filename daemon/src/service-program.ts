import { fileURLToPath } from 'node:url'
import { Failure } from '@codegen/protocol/failure'
import { installService, restartService, startService, uninstallService } from '#service/install-service'
import { describeService, isInstalled } from '#service/service-state'
import { loadConfig } from './config.ts'
import type { Environment } from './config.ts'
import { prepareHome } from './prepare-home.ts'

/** What `codegend service ...` answers: lines for people, and its exit code. */
export type ServiceAnswer = { readonly lines: readonly string[]; readonly code: number }

/** `codegend service install [--now] [--with-env NAME,...] | uninstall | status | start | restart`. Fails with a Failure of one sentence. */
export async function runServiceProgram(words: readonly string[], environment: Environment): Promise<ServiceAnswer> {
  const [verb, ...options] = words
  const home = loadConfig(environment).home
  const of = { home, environment }
  switch (verb) {
    case 'install': {
      const lines = await installService({
        ...of,
        home: prepareHome(home),
        withEnvironment: namesIn(options),
        startNow: options.includes('--now'),
        plan: {
          node: process.execPath,
          nodeOptions: process.execArgv.filter((option) => option.startsWith('--conditions')),
          program: fileURLToPath(new URL('../bin/codegend.js', import.meta.url)),
        },
      })
      return { lines, code: 0 }
    }
    case 'uninstall':
      return { lines: await uninstallService(of), code: 0 }
    case 'status':
      return { lines: [await describeService(of)], code: isInstalled(of) ? 0 : 1 }
    case 'start':
    case 'restart':
      // Nothing to start is told by the code alone: whoever asks has another way.
      if (!isInstalled(of)) return { lines: [], code: notInstalledCode }
      await (verb === 'start' ? startService(of) : restartService(of))
      return { lines: ['started by the login service'], code: 0 }
    default:
      throw new Failure('config.invalid', 'codegend service takes install, uninstall, status, start or restart.')
  }
}

const notInstalledCode = 3

function namesIn(options: readonly string[]): string[] {
  const given = options.find((option) => option.startsWith('--with-env='))
  return given === undefined
    ? []
    : given
        .slice(given.indexOf('=') + 1)
        .split(',')
        .map((name) => name.trim())
        .filter(Boolean)
}
