import type { ExecutorFrame } from '@codegen/protocol/wire'
import type { Drive } from '#runs/drive'

/** What an executor sends for a run of its. */
export type Delivery = Extract<
  ExecutorFrame,
  { type: 'tool_result' | 'tool_output_delta' | 'approval_requested' | 'approval_resolved' }
>

/** Brings a run what its executor sent for it. */
export function deliverTo(drive: Drive, frame: Delivery): void {
  switch (frame.type) {
    case 'tool_result':
      return drive.mailbox.post({ kind: 'result', result: frame.payload })
    case 'approval_requested':
    case 'approval_resolved':
      return drive.mailbox.post({ kind: 'approval', fact: frame })
    case 'tool_output_delta':
      if (drive.run.openCalls.has(frame.payload.tool_id)) drive.outlet.decoration(frame)
  }
}
