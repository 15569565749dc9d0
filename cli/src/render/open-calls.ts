import { keepTail } from './activity.ts'
import type { Doing } from './activity.ts'
import { objectAt, textAt } from './payload.ts'
import type { Payload } from './payload.ts'
import { toToolLabel } from './tool-call.ts'

/** The calls that run now, by their labels. */
export type OpenCalls = {
  begin(call: Payload, now: number): void
  /** A piece of a call's output. */
  output(delta: Payload): void
  /** The label of a call that has ended; one that never began is named by its tool. */
  finish(call: Payload): string
  /** The call that has run longest; undefined when none does. */
  doing(): Doing | undefined
}

export function createOpenCalls(): OpenCalls {
  const calls = new Map<string, Doing>()
  return {
    begin(call, now) {
      // What every run begins with is of no interest to anybody.
      if (call['bootstrap'] === true) return
      const label = toToolLabel(textAt(call, 'tool_name'), objectAt(call, 'parameters'))
      calls.set(textAt(call, 'tool_id'), { label, since: now, said: '' })
    },
    output(delta) {
      const call = calls.get(textAt(delta, 'tool_id'))
      if (call) call.said = keepTail(call.said, textAt(delta, 'chunk'))
    },
    finish(call) {
      const toolId = textAt(call, 'tool_id')
      const label = calls.get(toolId)?.label ?? toToolLabel(textAt(call, 'tool_name'), {})
      calls.delete(toolId)
      return label
    },
    doing() {
      const [first] = calls.values()
      if (!first || calls.size === 1) return first
      return { ...first, label: `${first.label} (and ${calls.size - 1} more)` }
    },
  }
}
