import { homedir } from 'node:os'
import { join } from 'node:path'
import { ReadStream } from 'node:tty'
import { connectToDaemon } from '#connect'
import { exitCodes } from '#exit-code'
import type { ExitCode } from '#exit-code'
import type { EarlierRun } from '#find-earlier-run'
import { findEarlierRun } from '#find-earlier-run'
import type { Terminal } from '#render/terminal'
import { tellFailure } from '#tell-failure'
import { renderBanner } from './banner.ts'
import { converse } from './converse.ts'
import { showEarlier } from './earlier.ts'
import { createEditor } from './editor.ts'
import { openHistory } from './history.ts'
import { createKeys } from './keys.ts'
import { createPromptLine } from './prompt-line.ts'
import type { Screen } from './prompt-line.ts'
import type { RunSettings } from './settings.ts'
import { completeEntered } from './slash.ts'
import { slashCommands } from './slash-commands.ts'

export type OpenOptions = {
  settings: RunSettings
  terminal: Terminal
  /** Runs a command of the shell by its name. */
  runCommand(name: string): Promise<unknown>
  /** The run whose conversation goes on: of that id, or the newest of this folder. */
  earlier?: { id: string | undefined }
}

/** Opens a conversation on the terminal and stays until its person leaves. Never fails: what went wrong is told, and the exit code says it. */
export async function openConversation(options: OpenOptions): Promise<ExitCode> {
  try {
    return await talkAt(options, process.stdout)
  } catch (thrown) {
    return tellFailure(thrown, options.terminal)
  }
}

async function talkAt(options: OpenOptions, stdout: NodeJS.WriteStream): Promise<ExitCode> {
  const { terminal, settings } = options
  const sessionId = await greet(options, stdout)
  const screen = toScreen(stdout)
  const path = join(process.env['CODEGEN_HOME'] || join(process.env['HOME'] || homedir(), '.codegen'), 'history')
  const history = openHistory(path, (reason) => terminal.note(`what is entered here is not kept: ${reason}`))
  const editor = createEditor({ entries: history.entries, complete: (text) => completeEntered(text, choices) })
  const keys = createKeys({
    input: openInput(),
    write: screen.write,
    isWriting: () => editor.draft.cells.length > 0,
  })
  const release = (): void => keys.release()
  process.on('exit', release)
  const suspend = (): void => {
    keys.release()
    process.kill(0, 'SIGTSTP')
    // Reached when it was brought back, or at once where there is no shell that could.
    setImmediate(goOn)
  }
  const goOn = (): void => {
    keys.take()
    promptLine.redraw()
  }
  const promptLine = createPromptLine({ screen, colours: terminal.colours, keys, editor, suspend })
  process.on('SIGCONT', goOn)
  process.on('SIGHUP', leave)
  keys.take()
  const { runCommand } = options
  const parts = { settings, terminal, screen, keys, editor, promptLine, history, runCommand, suspend, leave }
  const conversation = converse(parts, sessionId)
  process.on('SIGINT', conversation.interrupt)
  process.on('SIGTERM', conversation.interrupt)
  try {
    return await conversation.ended
  } finally {
    keys.release()
  }
}

const choices = Object.fromEntries(
  Object.entries(slashCommands).map(([name, { choices: words = [] }]) => [name, words]),
)

function leave(): never {
  process.exit(exitCodes.interrupted)
}

/** The banner, and what was said before; answers the conversation that goes on. */
async function greet(
  { settings, terminal, earlier }: OpenOptions,
  stdout: NodeJS.WriteStream,
): Promise<string | undefined> {
  const client = await connectToDaemon({
    onStart: () => terminal.note('starting codegend, which stays in the background'),
  })
  try {
    const status = await client.status()
    let run: EarlierRun | undefined
    if (earlier) run = await findEarlierRun(client, { id: earlier.id, folder: settings.cwd })
    const room = { home: process.env['HOME'] || homedir(), columns: stdout.columns }
    terminal.print(renderBanner(status, settings, room))
    terminal.flush()
    if (run) await showEarlier(client, run, terminal)
    return run?.session_id
  } finally {
    client.close()
  }
}

function openInput(): ReadStream {
  const { stdin } = process
  return stdin instanceof ReadStream ? stdin : new ReadStream(0)
}

function toScreen(stdout: NodeJS.WriteStream): Screen {
  return {
    write: (text) => void stdout.write(text),
    get columns() {
      return stdout.columns || 80
    },
    get rows() {
      return stdout.rows || 24
    },
    onResize: (listener) => void stdout.on('resize', listener),
  }
}
