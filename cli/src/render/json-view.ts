import type { RunView } from './run-view.ts'
import type { Terminal } from './terminal.ts'

/** Shows a run to a program: one JSON object a line, the events of the wire as they came, `run_finished` last and once. */
export function createJsonView(terminal: Terminal): RunView {
  let hasFinished = false
  return {
    event({ event_id, event }) {
      if (event.type === 'run_finished') hasFinished = true
      terminal.print(toJsonLine({ event_id, type: event.type, payload: event.payload }))
    },
    finished(outcome) {
      if (!hasFinished) terminal.print(toJsonLine({ type: 'run_finished', payload: outcome }))
    },
    refused({ code, message }) {
      const status = code === 'client.cancelled' ? 'cancelled' : 'refused'
      terminal.print(toJsonLine({ type: 'run_finished', payload: { status, error: { code, message } } }))
    },
  }
}

/** One line of JSON in which nothing is left that a terminal would obey. */
export function toJsonLine(value: unknown): string {
  const json = JSON.stringify(value)
  return `${obeyed.test(json) ? json.replace(everyObeyed, toEscape) : json}\n`
}

/** JSON itself escapes only those below space. */
const obeyed = /[\x7f-\x9f\u202a-\u202e\u2066-\u2069]/
const everyObeyed = new RegExp(obeyed, 'g')

function toEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
