import type { Failure } from '@codegen/protocol/failure'
import type { DaemonMethods, Notifications } from '@codegen/protocol/local'
import { limits } from '#limits'
import { findDiff, renderDiff } from './diff.ts'
import { toJsonLine } from './json-view.ts'
import { createControlStripper, stripControls } from './strip-controls.ts'
import type { Terminal } from './terminal.ts'
import { renderOutcome, toResultText } from './tool-call.ts'
import { toOneLine } from './visible.ts'

export type ToolOutcome = DaemonMethods['tools/call']['result']
export type ToolOutput = Notifications['tools/output']

/** How one call is shown. Of `ended` and `refused` one comes, last. */
export type CallView = {
  output(piece: ToolOutput): void
  /** `wasTold`: why it did not go well was said before. */
  ended(outcome: ToolOutcome, wasTold: boolean): void
  /** Nothing was run, it was cancelled, or nobody was there to tell how it ended. */
  refused(failure: Failure): void
}

/** For a person: output where it belongs as it comes, the result where that says more than was printed, and a sentence where it did not go well. */
export function createHumanCallView(terminal: Terminal): CallView {
  const strippers = { stdout: createControlStripper(), stderr: createControlStripper() }
  let printed = ''

  /** Shell's result is what it printed, with words for a model around it; another tool's may be something else. */
  function isTold({ tool_name }: ToolOutcome, text: string): boolean {
    return printed !== '' && (tool_name === 'Shell' || printed.includes(stripControls(text).trim()))
  }

  return {
    output({ stream, chunk }) {
      if (stream !== 'stdout' && stream !== 'stderr') return terminal.status(toOneLine(chunk, 200))
      const text = strippers[stream].push(chunk)
      printed = (printed + text).slice(-limits.heldOutputCharactersMax)
      if (stream === 'stdout') return terminal.print(text)
      terminal.flush()
      terminal.ask(text)
    },
    ended(outcome, wasTold) {
      terminal.status('')
      const text = toResultText(outcome.result)
      if (outcome.status !== 'success') {
        if (!wasTold) terminal.note(`${outcome.tool_name} ${renderOutcome(outcome)}`)
        return
      }
      const diff = findDiff(outcome.structured, text)
      if (diff !== undefined)
        terminal.print(`${toOneLine(text.split('\n', 1)[0] ?? '', 200)}\n${renderDiff(diff, terminal)}`)
      else if (!isTold(outcome, text)) {
        terminal.startLine()
        terminal.print(stripControls(text))
      }
      terminal.startLine()
    },
    refused({ code, message }) {
      terminal.status('')
      terminal.note(code === 'client.cancelled' ? 'the call was cancelled' : message)
    },
  }
}

/** For a program: a line for each piece of output, `tool_result` last and once. */
export function createJsonCallView(terminal: Terminal, toolName: string): CallView {
  return {
    output({ client_ref: _reference, ...payload }) {
      terminal.print(toJsonLine({ type: 'tool_output_delta', payload }))
    },
    ended: (payload) => terminal.print(toJsonLine({ type: 'tool_result', payload })),
    refused({ code, message }) {
      const status = code === 'client.cancelled' ? 'cancelled' : 'refused'
      const payload = { status, tool_name: toolName, error: { code, message } }
      terminal.print(toJsonLine({ type: 'tool_result', payload }))
      if (status === 'refused') terminal.note(message)
    },
  }
}
