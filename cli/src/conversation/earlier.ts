import type { Client } from '#client'
import type { EarlierRun } from '#find-earlier-run'
import { followRun } from '#follow-run'
import { limits } from '#limits'
import { countOf } from '#render/numbers'
import { stripControls } from '#render/strip-controls'
import type { Terminal } from '#render/terminal'
import { toOneLine } from '#render/visible'

/** The last prompts of the conversation a run belongs to, and the beginning of its last answer. */
export async function showEarlier(client: Client, run: EarlierRun, terminal: Terminal): Promise<void> {
  const { print, colours } = terminal
  const runs = (await client.listRuns(limits.earlierRunsMax)).filter(({ session_id }) => session_id === run.session_id)
  const shown = runs.slice(0, limits.earlierPromptsShown).toReversed()
  const left = runs.length - shown.length
  if (left > 0) print(colours.dim(`… ${countOf(left, 'earlier message')}\n`))
  for (const { prompt } of shown) print(colours.dim(`> ${toOneLine(prompt, limits.toolLabelCharactersMax)}\n`))
  const last = shown.at(-1)
  const lines = last
    ? stripControls(await lastAnswer(last.generation_id, terminal))
        .trimEnd()
        .split('\n')
    : []
  print(
    lines
      .slice(0, limits.earlierLinesShown)
      .map((line) => `${line}\n`)
      .join(''),
  )
  const hidden = lines.length - limits.earlierLinesShown
  if (hidden > 0)
    print(
      colours.dim(
        `… ${countOf(hidden, 'more line')}; codegen log ${run.generation_id.slice(0, limits.idCharactersShown)} shows all\n`,
      ),
    )
  terminal.flush()
}

async function lastAnswer(generationId: string, terminal: Terminal): Promise<string> {
  let answer = ''
  const following = followRun({
    terminal,
    view: {
      event({ event: { type, payload } }) {
        if (type === 'agent_message' && typeof payload['content'] === 'string') answer = payload['content'] || answer
      },
      finished: () => undefined,
    },
    async begin(client) {
      await client.attachRun({ generation_id: generationId })
      return generationId
    },
  })
  await following.ended
  following.close()
  return answer
}
