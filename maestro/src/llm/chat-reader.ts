import { nothing, parseDelta } from './delta.ts'
import type { AnswerReader } from './delta.ts'
import { createThinkTags } from './think-tags.ts'

/**
 * Reads the chunks of one answer of chat completions. Thoughts that a server leaves in the content between think tags are told apart from the answer.
 * `returnsReasoning`: the model wants its `reasoning_content` back.
 */
export function createChatReader(of: { returnsReasoning: boolean }): AnswerReader {
  const tags = createThinkTags()
  let thoughts = ''
  return {
    read(chunk) {
      const delta = parseDelta(chunk)
      if (of.returnsReasoning) thoughts += delta.reasoning
      if (delta.text === '') return delta
      const { text, reasoning } = tags.split(delta.text)
      return { ...delta, text, reasoning: delta.reasoning + reasoning }
    },
    end: () => ({
      ...nothing,
      ...tags.end(),
      thought: thoughts === '' ? undefined : JSON.stringify(thoughts),
    }),
  }
}
