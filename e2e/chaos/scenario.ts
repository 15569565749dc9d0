import type { Scenario } from '@codegen/scripted-model'

/** The prompt of a run; its name is in every command it runs. */
export function promptOf(name: string): string {
  return `chaos ${name}`
}

const tick = (part: string, ms: number): { tool: string; arguments: { command: string } } => ({
  tool: 'Shell',
  arguments: { command: `sh ./tick {{1}}.{{n}}${part} ${ms / 1_000}` },
})

/**
 * One run of the scenario: calls that leave a mark each, alone and side by side, short and longer ones, with text that is streamed in between. It needs no
 * result to go on, so that an interrupted call changes nothing of what comes after.
 */
export const scenario: Scenario = {
  conversations: [
    {
      name: 'chaos',
      when: '/^chaos (\\S+)$/',
      steps: [
        { text: 'I look around and begin. ', delta_chars: 5, delay_ms: 4, calls: [tick('a', 30), tick('b', 60)] },
        { calls: [tick('a', 5), { tool: 'ReadFile', arguments: { file_path: 'notes.txt' } }] },
        { text: 'This one takes a little longer. ', delta_chars: 5, delay_ms: 8, calls: [tick('a', 350)] },
        { calls: [tick('a', 10), tick('b', 20)] },
        { loop: 40, text: 'All of it is done now, as far as I can see. ', delta_chars: 6, delay_ms: 5 },
      ],
    },
  ],
}

/** The script behind every command: a line when it begins, one when it ends, and what it prints. */
export function tickScript(counterFile: string): string {
  return `label=$1
echo "start $label" >> ${counterFile}
sleep "$2"
echo "end $label" >> ${counterFile}
echo "done $label"
`
}
