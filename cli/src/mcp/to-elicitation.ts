import type { ElicitRequestFormParams } from '@modelcontextprotocol/server'
import type { ApprovalQuestion } from '@codegen/protocol/local'
import { limits } from '#limits'
import { makeVisible, makeVisibleWithoutPadding, toOneLine } from '#render/visible'
import type { Answer } from './open-call.ts'

/** A question of codegend as MCP puts one to a person: the whole of what the call would do, with everything invisible written out. */
export function toElicitation({ tool_name, title, preview }: ApprovalQuestion, cwd: string): ElicitRequestFormParams {
  const { command, url, diff } = preview
  const parts = [
    ...(command === undefined ? [] : [makeVisibleWithoutPadding(command)]),
    ...(url === undefined ? [] : [makeVisible(url)]),
    ...(diff === undefined ? [] : [makeVisible(diff)]),
  ]
  const shown = parts.length > 0 ? parts.join('\n') : makeVisibleWithoutPadding(title)
  const answers: readonly Answer[] = ['allow', 'deny']
  return {
    mode: 'form',
    message: `May ${toOneLine(tool_name, limits.toolLabelCharactersMax)} do this in ${makeVisible(cwd)}?\n\n${shown}`,
    requestedSchema: {
      type: 'object',
      properties: { answer: { type: 'string', title: 'Answer', enum: [...answers] } },
      required: ['answer'],
    },
  }
}

/** What a person answered. Whatever is not a clear yes is a no. */
export function toAnswer(action: string, content: Readonly<Record<string, unknown>> | undefined): Answer {
  return action === 'accept' && content?.['answer'] === 'allow' ? 'allow' : 'deny'
}
