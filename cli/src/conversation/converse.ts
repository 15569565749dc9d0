import { toFailure } from '@codegen/protocol/failure'
import type { Client } from '#client'
import { newClientRef } from '#client-ref'
import { connectToDaemon } from '#connect'
import { exitCodes } from '#exit-code'
import type { ExitCode } from '#exit-code'
import { findEarlierRun } from '#find-earlier-run'
import { limits } from '#limits'
import { refuseLength } from '#prompt'
import type { Terminal } from '#render/terminal'
import { toOneLine } from '#render/visible'
import { withSettingsHint } from '#settings-hint'
import { showEarlier } from './earlier.ts'
import type { Editor } from './editor.ts'
import type { History } from './history.ts'
import type { Keys } from './keys.ts'
import { promptMark } from './prompt-line.ts'
import type { PromptLine, Screen } from './prompt-line.ts'
import type { RunSettings } from './settings.ts'
import { slashCommands } from './slash-commands.ts'
import type { Talk } from './slash-commands.ts'
import { readEntered } from './slash.ts'
import { remark, startTurn } from './turn.ts'
import type { Turn } from './turn.ts'

export type ConverseOptions = {
  settings: RunSettings
  terminal: Terminal
  screen: Screen
  keys: Keys
  editor: Editor
  promptLine: PromptLine
  history: History
  runCommand(name: string): Promise<unknown>
  suspend(): void
  leave(): never
}

export type Conversation = {
  /** Resolves when the person leaves. */
  readonly ended: Promise<ExitCode>
  /** Ctrl-C and SIGTERM from outside. */
  interrupt(signal: 'SIGINT' | 'SIGTERM'): void
}

/** Takes messages and makes a run of each, all in one conversation, until the person leaves. `sessionId` is the one it goes on with. */
export function converse(options: ConverseOptions, sessionId: string | undefined): Conversation {
  const { terminal, promptLine, leave } = options
  /** Said too late for the run before: they are the next messages. */
  const waiting: string[] = []
  let turn: Turn | undefined
  let isLeaving = false
  const talk = createTalk(options, sessionId, () => (isLeaving = true))

  async function runMessage(prompt: string): Promise<void> {
    if (!fits(prompt, terminal)) return
    const clientRef = newClientRef()
    turn = startTurn({
      ...options,
      begin: (client, signal) => beginRun(talk, { prompt, clientRef, client, signal }),
      tooLate: (message) => waiting.push(message),
      entered(text, say) {
        takeEntered(text, { ...options, talk, say, isRunning: true }).catch(() => undefined)
      },
    })
    await turn.ended
    turn = undefined
  }

  async function next(): Promise<void> {
    const late = waiting.shift()
    if (late !== undefined) {
      terminal.print(`${promptMark}${toOneLine(late, limits.promptColumnMax)}\n`)
      return runMessage(late)
    }
    const text = await promptLine.read()
    if (text === undefined) isLeaving = true
    else await takeEntered(text, { ...options, talk, say: runMessage, isRunning: false })
  }

  async function goOn(): Promise<ExitCode> {
    while (!isLeaving) await next()
    return exitCodes.done
  }

  function interrupt(signal: 'SIGINT' | 'SIGTERM'): void {
    if (signal === 'SIGTERM' && !turn) leave()
    if (signal === 'SIGTERM') turn?.ended.then(leave, leave)
    turn?.interrupt()
  }

  return { ended: goOn(), interrupt }
}

type Taking = Pick<ConverseOptions, 'terminal' | 'history'> & {
  talk: Talk
  say(message: string): Promise<void>
  isRunning: boolean
}

/** Does what was entered: a message is said, a command is run. What goes wrong with a command is told. */
async function takeEntered(text: string, { terminal, history, talk, say, isRunning }: Taking): Promise<void> {
  history.add(text)
  const read = readEntered(text, Object.keys(slashCommands))
  if (read.kind === 'message') return say(read.text)
  if (read.kind === 'unknown') return talk.print(`${read.sentence}\n`)
  const command = slashCommands[read.name]
  if (isRunning && command?.needsRest)
    return remark(terminal, `/${read.name} waits for the end of the run; Ctrl-C ends it`)
  try {
    await command?.run(talk, read.argument)
  } catch (thrown) {
    const { code, message } = toFailure(thrown)
    terminal.note(withSettingsHint(code, message))
  }
  terminal.flush()
}

/** A prompt that does not is told about, and stays in the history. */
function fits(prompt: string, terminal: Terminal): boolean {
  try {
    refuseLength(prompt)
    return true
  } catch (thrown) {
    terminal.note(toFailure(thrown).message)
    return false
  }
}

async function beginRun(
  talk: Talk,
  { prompt, clientRef, client, signal }: { prompt: string; clientRef: string; client: Client; signal: AbortSignal },
): Promise<string> {
  const session = talk.sessionId === undefined ? {} : { session_id: talk.sessionId }
  const parameters = { ...talk.settings, ...session, prompt, client_ref: clientRef }
  const started = await client.startRun(parameters, signal)
  talk.sessionId = started.session_id
  return started.generation_id
}

function createTalk(
  { settings, terminal, runCommand }: ConverseOptions,
  sessionId: string | undefined,
  leave: () => void,
): Talk {
  return {
    settings,
    sessionId,
    print(text) {
      terminal.startLine()
      terminal.print(text)
      terminal.flush()
    },
    async runCommand(name) {
      terminal.startLine()
      await runCommand(name)
      terminal.flush()
    },
    async resume(id) {
      const client = await connectToDaemon({})
      try {
        const run = await findEarlierRun(client, { id, folder: this.settings.cwd })
        await showEarlier(client, run, terminal)
        this.sessionId = run.session_id
      } finally {
        client.close()
      }
    },
    leave,
  }
}
