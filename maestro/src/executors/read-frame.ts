import { Failure, toFailure } from '@codegen/protocol/failure'
import { closeCodes, readExecutorFrame } from '@codegen/protocol/wire'
import type { ExecutorFrame } from '@codegen/protocol/wire'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'

const envelope = Compile(Type.Object({ type: Type.String(), payload: Type.Record(Type.String(), Type.Unknown()) }))

type Replies = {
  readonly level: 0 | 1
  tell(failure: Failure): void
  close(code: number, reason: string): void
  /** Ends the call whose result could not be read. */
  wrongResult(toolId: string, reason: string): void
}

/**
 * Reads one frame. What is no frame closes the socket; a known message with a wrong field is refused by the field's path and the socket
 * stays, except for a handshake; a wrong `tool_result` ends its call as an error.
 */
export function readFrame(text: string, replies: Replies): ExecutorFrame | undefined {
  try {
    const frame = readExecutorFrame(text)
    if (!('unknown' in frame)) return frame
    // Ignored at level 0: such an executor knows no `error` either.
    if (replies.level === 1)
      replies.tell(new Failure('message.unknown', `There is no message "${frame.type.slice(0, 100)}".`))
  } catch (thrown) {
    refuseFrame(toFailure(thrown), text, replies)
  }
  return undefined
}

function refuseFrame(failure: Failure, text: string, replies: Replies): void {
  if (failure.code === 'request.unparsable') return replies.close(closeCodes.notJson, failure.message)
  if (failure.code === 'request.malformed') return replies.close(closeCodes.policy, failure.message)
  // It parsed and has both, or the reader had said otherwise.
  const frame = envelope.Parse(JSON.parse(text))
  if (frame.type === 'handshake') return replies.close(closeCodes.badHandshake, failure.message)
  const toolId = frame.payload['tool_id']
  if (frame.type === 'tool_result' && typeof toolId === 'string') replies.wrongResult(toolId, failure.message)
  if (replies.level === 1) replies.tell(failure)
}
