import type { Drive, HeldAnswer } from './drive.ts'
import { markTaken } from './take-letters.ts'

/**
 * Sends the executor what it has not been sent yet, in the order it came: it alone decides what is taken. What was said to a question that is over is marked
 * as taken, because nobody waits for it.
 */
export function proposeAnswers(drive: Drive): void {
  if (drive.answers.length === 0) return
  const { openQuestions } = drive.run
  const isOpen = ({ toolId }: HeldAnswer): boolean => openQuestions.has(toolId)
  const over = drive.answers.filter((answer) => !isOpen(answer)).map(({ clientRef }) => clientRef)
  for (const answer of drive.answers) if (isOpen(answer) && !answer.isSent) drive.hands.proposeAnswer(answer)
  drive.answers = drive.answers.filter(isOpen).map((answer) => ({ ...answer, isSent: true }))
  if (over.length > 0) drive.stage([], () => markTaken(drive, over))
}

/** The executor has judged the oldest answer to this question that it was sent; it need not be sent again. */
export function settleAnswer(drive: Drive, toolId: string): void {
  const judged = sentAnswer(drive, toolId)
  if (!judged) return
  drive.answers = drive.answers.filter((answer) => answer !== judged)
  markTaken(drive, [judged.clientRef])
}

/** The executor's owner does not take it: those who watch the run are told why. */
export function showRefusal(drive: Drive, toolId: string, reason: string): void {
  const refused = sentAnswer(drive, toolId)
  if (!refused) return
  const payload = { generation_id: drive.key.generationId, tool_id: toolId, by: refused.by, reason }
  drive.outlet.decoration({ type: 'answer_refused', payload })
}

function sentAnswer({ answers }: Drive, toolId: string): HeldAnswer | undefined {
  return answers.find((answer) => answer.isSent && answer.toolId === toolId)
}
