import { spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { homedir } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Clipboard } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'
import { toCommandEnvironment } from './command-environment.ts'
import { endProcessGroup } from './process-group.ts'
import type { ProcessGroups } from './process-group.ts'

export type ClipboardPlace = {
  /** The daemon's own; it says which display there is. */
  environment: Readonly<Record<string, string | undefined>>
  toolId: string
  signal: AbortSignal
  groups: ProcessGroups
}

/**
 * The clipboard of the desktop codegend runs in, as text of at most `clipboardBytesMax` bytes. Works in a process of its own, because the programs behind
 * it may hang or answer with anything: it is ended when it takes longer than `clipboardMsMax`. Never writes to a terminal. Fails with clipboard.unavailable (no display, no
 * program, too slow, no text, too much text), tool.bad_arguments for a text it cannot take, or the signal's Failure.
 */
export function createClipboard(place: ClipboardPlace): Clipboard {
  return {
    async read() {
      const content = await operate('read', '', place)
      if (content.includes('\0')) throw unavailable('The clipboard holds no text.')
      return content
    },
    async write(text) {
      if (text.includes('\0')) throw new Failure('tool.bad_arguments', 'The text holds a NUL character. Remove it.')
      const size = Buffer.byteLength(text)
      if (size > limits.clipboardBytesMax) {
        const message = `The text has ${size} bytes; the clipboard takes at most ${limits.clipboardBytesMax}.`
        throw new Failure('tool.bad_arguments', message)
      }
      await operate('write', text, place)
    },
  }
}

type Operation = 'read' | 'write'

async function operate(operation: Operation, input: string, place: ClipboardPlace): Promise<string> {
  place.signal.throwIfAborted()
  if (!hasDisplay(place.environment)) throw unavailable('There is no clipboard: codegend runs without a display.')
  const child = start(operation, place)
  const group = child.pid === undefined ? undefined : place.groups.add(child.pid, place.toolId)
  try {
    return await answerOf(child, input, place.signal)
  } catch (error) {
    if (group) await endProcessGroup(group, 'SIGKILL')
    throw error
  } finally {
    if (group) place.groups.remove(group)
  }
}

/** What decides it for the programs behind the clipboard; elsewhere than on Linux there always is one. */
function hasDisplay(environment: ClipboardPlace['environment']): boolean {
  if (process.platform !== 'linux') return true
  const names = ['DISPLAY', 'WAYLAND_DISPLAY', 'WSL_DISTRO_NAME']
  return environment['XDG_SESSION_TYPE'] === 'wayland' || names.some((name) => environment[name])
}

const displayNames = ['DISPLAY', 'XAUTHORITY', 'WAYLAND_DISPLAY', 'WSL*', 'TERMUX_*', 'SystemRoot', 'SYSTEMROOT']

function start(operation: Operation, place: ClipboardPlace): ChildProcessWithoutNullStreams {
  const program = fileURLToPath(import.meta.resolve('#hands/clipboard-process'))
  const conditions = process.execArgv.filter((argument) => argument.startsWith('--conditions='))
  return spawn(process.execPath, [...conditions, program, operation], {
    // xsel refuses to work without a home.
    env: { HOME: homedir(), ...toCommandEnvironment(place.environment, displayNames) },
    detached: true,
  })
}

/** What the process prints, once it has ended well; throws the reason when it has not, or not in time. */
function answerOf(child: ChildProcessWithoutNullStreams, input: string, signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const printed: Buffer[] = []
  let size = 0
  let reason = ''
  const giveUp = () => reject(unavailable('The clipboard did not answer in time.'))
  let late = setTimeout(giveUp, limits.clipboardStartMsMax)
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })

  child.stdout.on('data', (bytes: Buffer) => {
    size += bytes.length
    if (size <= limits.clipboardBytesMax) printed.push(bytes)
    else reject(unavailable(`The clipboard holds more than ${limits.clipboardBytesMax} bytes.`))
  })
  child.stderr.once('data', () => {
    clearTimeout(late)
    late = setTimeout(giveUp, limits.clipboardMsMax)
  })
  child.stderr.on('data', (bytes: Buffer) => {
    reason = (reason + bytes.toString()).slice(0, 500)
  })
  child.once('error', (error) => reject(unavailable('The clipboard program could not be started.', error)))
  child.once('close', (code) => {
    if (code === 0) resolve(Buffer.concat(printed).toString())
    else reject(unavailable(reason.trim().split('\n', 1)[0] || 'The clipboard program failed.'))
  })
  // A program that ends before it took its input has said why by its exit code.
  child.stdin.on('error', () => undefined).end(input)

  return promise.finally(() => {
    clearTimeout(late)
    signal.removeEventListener('abort', onAbort)
    child.stdout.destroy()
    child.stderr.destroy()
  })
}

function unavailable(message: string, cause?: unknown): Failure {
  return new Failure('clipboard.unavailable', message, { cause })
}
