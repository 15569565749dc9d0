import type { Scenario } from '@codegen/scripted-model'

/** What a run is asked to do. The number makes its calls its own. */
export type RunKind = 'work' | 'flood' | 'linger'

export function promptOf(kind: RunKind, number: number): string {
  return `${kind} ${number}`
}

const shell = (command: string): { tool: string; arguments: { command: string } } => ({
  tool: 'Shell',
  arguments: { command },
})

/** No step needs a result to go on, so that a plugin that changes or fails meanwhile changes nothing of what comes after. */
export const scenario: Scenario = {
  conversations: [
    {
      name: 'work',
      when: '/^work (\\d+)$/',
      steps: [
        { text: 'I look around first. ', delta_chars: 5, delay_ms: 2, calls: [shell('echo one {{1}}'), shell('ls')] },
        {
          calls: [
            { tool: 'ReadFile', arguments: { file_path: 'notes.txt' } },
            { tool: 'Grep', arguments: { pattern: 'note' } },
            { tool: 'SteadyEcho', arguments: { text: 'run {{1}}' } },
          ],
        },
        { calls: [{ tool: 'WriteFile', arguments: { file_path: 'out-{{1}}.txt', content: 'run {{1}}' } }] },
        { calls: [{ tool: 'SteadyEcho', arguments: { text: 'again {{1}}' } }, shell('rm -f out-{{1}}.txt')] },
        { loop: 40, text: 'All of it is done now, as far as I can see. ', delta_chars: 6, delay_ms: 2 },
      ],
    },
    {
      name: 'flood',
      when: '/^flood (\\d+)$/',
      steps: [
        { calls: [shell('head -c 3000000 /dev/zero | tr "\\\\0" x | fold -w 100')] },
        { calls: [{ tool: 'SteadyFlood', arguments: {} }] },
        { loop: 40, text: 'That was a lot. ' },
      ],
    },
    {
      name: 'linger',
      when: '/^linger (\\d+)$/',
      steps: [
        { calls: [shell('echo waiting {{1}}; sleep 2')] },
        { calls: [{ tool: 'SteadyWait', arguments: { ms: 1500 } }] },
        { loop: 40, text: 'I waited long enough. ', delta_chars: 2, delay_ms: 20 },
      ],
    },
  ],
}
