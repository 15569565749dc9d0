import fc from 'fast-check'
import { test } from 'tap'
import { createMetrics } from './metrics.ts'

const nothing = {
  executors: 0,
  runs: new Map(),
  letters: 0,
  commands: 0,
  connections: { total: 0, idle: 0, waiting: 0 },
}
const run = { generationId: 'g', model: 'm', startedMs: 0, isClaimed: false, traceparent: undefined }
const turn = { turn: 1, startMs: 0, endMs: 10 }

test('whatever names, ids and models runs have, there are no more series than before', async () => {
  const count = async (texts: readonly string[]): Promise<number> => {
    const { observer, render } = createMetrics('1')
    for (const text of texts) {
      const observed = observer.runTaken({ ...run, generationId: text, model: text })
      observed.toolCalled({
        ...turn,
        toolId: text,
        toolName: text,
        isBootstrap: false,
        status: 'success',
        questionMs: 0,
      })
      observed.questionClosed({ ...turn, toolId: text, outcome: 'allowed' })
      const usage = { inputTokens: 1, outputTokens: 1, cachedTokens: 0 }
      const asked = { sinceAnswerMs: 1, firstTokenMs: 1, restarts: 1, outcome: 'answer', usage }
      observed.modelAsked({ ...turn, ...asked })
      observed.runLeft('completed', 20)
    }
    const { text } = await render(nothing)
    return text.split('\n').filter((line) => line.startsWith('maestro_')).length
  }
  const one = await count(['jira_search'])
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 20 }), async (texts) => {
      return (await count(texts.filter((text) => text !== 'Shell' && text !== 'Edit'))) <= one
    }),
    { numRuns: 25 },
  )
})

test('a question’s time is its own: the call is not charged for it', async (t) => {
  const { observer, render } = createMetrics('1')
  const observed = observer.runTaken(run)
  observed.questionClosed({ toolId: 'a', outcome: 'allowed', startMs: 1_000, endMs: 61_000 })
  const call = { turn: 1, toolId: 'a', toolName: 'Shell', isBootstrap: false, status: 'success' }
  observed.toolCalled({ ...call, startMs: 0, endMs: 62_000, questionMs: 60_000 })
  const { text } = await render(nothing)
  t.match(text, 'maestro_tool_call_duration_seconds_sum{tool="Shell",status="success"} 2\n')
  t.match(text, 'maestro_question_wait_seconds_sum{outcome="allowed"} 60\n')
})

test('a run that goes on elsewhere is not counted as ended', async (t) => {
  const { observer, render } = createMetrics('1')
  observer.runTaken(run).runLeft(undefined, 5)
  observer.runTaken({ ...run, isClaimed: true }).runLeft('failed', 5)
  const { text } = await render(nothing)
  t.match(text, 'maestro_runs_taken_total{how="started"} 1\n')
  t.match(text, 'maestro_runs_taken_total{how="claimed"} 1\n')
  t.strictSame(text.match(/^maestro_runs_ended_total.*$/gm), ['maestro_runs_ended_total{status="failed"} 1'])
})
