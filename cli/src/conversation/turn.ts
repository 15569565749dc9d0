import type { Failure } from '@codegen/protocol/failure'
import { toFailure } from '@codegen/protocol/failure'
import { createQuestions } from '#approvals/questions'
import type { Client } from '#client'
import { followRun } from '#follow-run'
import type { Following } from '#follow-run'
import { limits } from '#limits'
import { createHumanView } from '#render/human-view'
import type { Terminal } from '#render/terminal'
import { withSettingsHint } from '#settings-hint'
import { drawDraftEnd } from './draw-draft.ts'
import type { Editor } from './editor.ts'
import type { Keys } from './keys.ts'
import { promptMark } from './prompt-line.ts'
import type { Screen } from './prompt-line.ts'

export type TurnOptions = {
  begin(client: Client, signal: AbortSignal): Promise<string>
  terminal: Terminal
  screen: Screen
  keys: Keys
  editor: Editor
  /** What was entered while the run works; `say` hands it to the run. */
  entered(text: string, say: (message: string) => Promise<void>): void
  /** Messages the run did not take any more. */
  tooLate(message: string): void
  suspend(): void
  /** Ctrl-C a second time: never comes back. */
  leave(): never
}

export type Turn = { readonly ended: Promise<void>; interrupt(): void }

/**
 * One run of a conversation, shown to its end. Meanwhile what is typed stands on the terminal's last line, and what is entered is said to the run. Never
 * fails: what went wrong is told, and the conversation goes on.
 */
export function startTurn(options: TurnOptions): Turn {
  const { begin, keys, editor, entered, leave, suspend } = options
  const startedAt = performance.now()
  const { terminal, typed } = withDraftLine(options)
  const questions = createQuestions(terminal, interrupt, () => keys.keyboard)
  const view = createHumanView({ terminal, elapsedMs: () => performance.now() - startedAt, asks: true })
  const following = followRun({ begin, view, terminal, questions })
  const stopped = Promise.withResolvers<'late'>()
  const saying: Promise<void>[] = []
  let isInterrupted = false

  function interrupt(): void {
    if (isInterrupted) return leave()
    isInterrupted = true
    terminal.note('cancelling the run; once more leaves at once')
    setTimeout(stopped.resolve, limits.cancelMsMax, 'late').unref()
    following.cancel('interrupted at the terminal').catch((failure: Error) => {
      terminal.note(`the run cannot be cancelled: ${failure.message}`)
    })
  }

  function say(message: string): Promise<void> {
    remark(terminal, 'sent to the run, which reads it before its next step')
    const said = sayTo(following, { message, terminal, tooLate: options.tooLate })
    saying.push(said)
    return said
  }

  keys.read((key) => {
    const pressed = editor.press(key)
    if (pressed.kind === 'interrupt') interrupt()
    else if (pressed.kind === 'suspend') suspend()
    else if (pressed.kind === 'entered' && pressed.text.trim() !== '') entered(pressed.text, say)
    typed()
  })

  async function end(): Promise<void> {
    try {
      const outcome = await Promise.race([following.ended, stopped.promise])
      if (outcome === 'late') terminal.note('the run takes its time to end; leaving it')
      else if (outcome?.error) terminal.note(withSettingsHint(outcome.error.code, outcome.error.message))
    } catch (thrown) {
      tell(toFailure(thrown), terminal)
    } finally {
      await Promise.race([Promise.all(saying), stopped.promise])
      following.close()
      keys.hold()
      terminal.status('')
      terminal.startLine()
      terminal.flush()
    }
  }

  return { ended: end(), interrupt }
}

function tell({ code, message, hint }: Failure, terminal: Terminal): void {
  terminal.note([withSettingsHint(code, message), hint].filter(Boolean).join(' '))
}

type Said = { message: string; terminal: Terminal; tooLate(message: string): void }

async function sayTo(following: Following, { message, terminal, tooLate }: Said): Promise<void> {
  try {
    await following.say(message)
  } catch (thrown) {
    const { code, message: reason } = toFailure(thrown)
    if (code === 'run.finished' || code === 'run.unknown') tooLate(message)
    else terminal.note(`that was not sent: ${reason}`)
  }
}

/** A line of codegen's own between what the run shows. */
export function remark(terminal: Terminal, sentence: string): void {
  terminal.startLine()
  terminal.print(`${terminal.colours.dim(`— ${sentence} —`)}\n`)
  terminal.flush()
}

/** The terminal for a run's view, whose status gives way to what is being typed. */
function withDraftLine({ terminal, screen, editor }: TurnOptions): { terminal: Terminal; typed(): void } {
  let status = ''

  function show(): void {
    const isEmpty = editor.draft.cells.length === 0
    terminal.status(isEmpty ? status : promptMark + drawDraftEnd(editor.draft, screen.columns - 6))
  }

  const shown: Terminal = {
    ...terminal,
    get colours() {
      return terminal.colours
    },
    get columns() {
      return terminal.columns
    },
    get hasStatus() {
      return terminal.hasStatus
    },
    status(line) {
      status = line
      show()
    },
  }
  return {
    terminal: shown,
    typed() {
      show()
      terminal.flush()
    },
  }
}
