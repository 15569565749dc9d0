import type { Drive } from './drive.ts'
import type { LogEntry } from './log-entry.ts'
import type { WaitingInput } from './ports.ts'
import { markTaken } from './take-letters.ts'

/** Stages what people said, each as a message of its user; it is marked as taken when that is on record. */
export function takeInputs(drive: Drive, inputs: readonly WaitingInput[]): void {
  if (inputs.length === 0) return
  const taken = new Set(inputs.map((input) => input.clientRef))
  drive.inputs = drive.inputs.filter((input) => !taken.has(input.clientRef))
  const entries = inputs.map((input) => toEntry(drive, input))
  drive.stage(entries, () => markTaken(drive, [...taken]))
}

function toEntry({ dialect, key }: Drive, { clientRef: client_ref, content, mode, by }: WaitingInput): LogEntry {
  const payload = { generation_id: key.generationId, content, by, mode, client_ref }
  return { fact: { type: 'input', payload }, shown: dialect.user(content), internal: null }
}
