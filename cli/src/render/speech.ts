import { createAnswer } from './answer.ts'
import { createProse } from './prose.ts'
import type { Terminal } from './terminal.ts'
import type { Transcript } from './transcript.ts'

/** What the model says, on its way into the transcript. */
export type Speech = {
  delta(content: string): void
  /** The whole answer: what of it has not been shown is shown. */
  finish(content: string): void
  /** What was shown of the answer does not hold: it begins again. */
  drop(reason: string): void
}

export function createSpeech(terminal: Terminal, transcript: Transcript): Speech {
  const answer = createAnswer()
  const prose = createProse(terminal)
  const say = (text: string): void => transcript.print('text', text)

  return {
    delta: (content) => say(prose.push(answer.delta(content))),
    finish(content) {
      const { text, restarted } = answer.finish(content)
      if (restarted) {
        say(prose.end())
        transcript.remark('the whole answer')
      }
      say(prose.push(text) + prose.end())
      if (content) terminal.startLine()
    },
    drop(reason) {
      say(prose.end())
      if (answer.drop()) transcript.remark(`${reason}; the answer begins again`)
    },
  }
}
