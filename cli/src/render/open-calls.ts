import { objectAt, textAt } from './payload.ts'
import type { Payload } from './payload.ts'
import { toToolLabel } from './tool-call.ts'

/** The calls that run now, by their labels. */
export type OpenCalls = {
  begin(call: Payload): void
  /** The label of a call that has ended; one that never began is named by its tool. */
  finish(call: Payload): string
  /** One line on what runs; empty when nothing does. */
  status(): string
}

export function createOpenCalls(): OpenCalls {
  const labels = new Map<string, string>()
  return {
    begin(call) {
      // What every run begins with is of no interest to anybody.
      if (call['bootstrap'] === true) return
      labels.set(textAt(call, 'tool_id'), toToolLabel(textAt(call, 'tool_name'), objectAt(call, 'parameters')))
    },
    finish(call) {
      const toolId = textAt(call, 'tool_id')
      const label = labels.get(toolId) ?? toToolLabel(textAt(call, 'tool_name'), {})
      labels.delete(toolId)
      return label
    },
    status() {
      const [first] = labels.values()
      if (first === undefined) return ''
      return labels.size > 1 ? `… ${first} and ${labels.size - 1} more` : `… ${first}`
    },
  }
}
