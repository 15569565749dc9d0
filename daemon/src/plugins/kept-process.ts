import { setTimeout as delay } from 'node:timers/promises'
import { Failure } from '@codegen/protocol/failure'
import type { Log } from '#log'
import { limits } from '#limits'
import type { Offer, PluginProcess, PluginProgram } from '#plugin-process/plugin-process'

/** The process of one version of a plugin: started when it is needed, and after a crash with a pause that grows. */
export type KeptProcess = {
  /** Starts one where none runs. Fails with tool.unavailable once it crashed too often, or with the signal's reason. */
  running(signal: AbortSignal): Promise<PluginProcess>
  end(): void
}

export type KeptProcessOptions = {
  readonly program: PluginProgram
  /** One that runs already. */
  readonly first: PluginProcess | undefined
  /** What a process of it says its tools are by now. */
  redefined?(offer: Offer): void
  /** It crashed limits.pluginCrashesMax times within limits.pluginCrashWindowMs and is not started again. */
  gaveUp(reason: string): void
  readonly log: Log
}

export function keepProcess({ program, first, redefined, gaveUp, log }: KeptProcessOptions): KeptProcess {
  const { name } = program
  let current: PluginProcess | undefined
  let crashes: number[] = []
  let isOff = false
  if (first) adopt(first)

  function adopt(started: PluginProcess): PluginProcess {
    current = started
    started.ended
      .then(({ asked, how, complaint }) => {
        if (current === started) current = undefined
        if (!asked) noteCrash(how, complaint)
      })
      .catch((error: unknown) => log.error('the end of a plugin could not be noted', error, { plugin: name }))
    return started
  }

  function noteCrash(how: string, complaint: string): void {
    const now = performance.now()
    crashes = [...crashes.filter((at) => now - at < limits.pluginCrashWindowMs), now]
    log.warn('a plugin crashed', { plugin: name, how, complaint: complaint.slice(-loggedCharactersMax) })
    if (crashes.length < limits.pluginCrashesMax || isOff) return
    isOff = true
    gaveUp(`It crashed ${crashes.length} times within a minute (${how}) and is off until it changes.`)
  }

  return {
    async running(signal) {
      const last = crashes.at(-1)
      if (current === undefined && last !== undefined) {
        const waitMs = last + limits.pluginRestartMs * 2 ** (crashes.length - 1) - performance.now()
        if (waitMs > 0) await delay(waitMs, undefined, { signal }).catch(() => signal.throwIfAborted())
      }
      if (isOff) throw new Failure('tool.unavailable', `The plugin ${name} is off: it crashed too often.`)
      return current ?? adopt(program.start(redefined))
    },
    end() {
      const ending = current
      // A call that comes meanwhile gets a process of its own.
      current = undefined
      ending?.end()
    },
  }
}

const loggedCharactersMax = 2_000
