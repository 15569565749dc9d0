import type { Drive } from '#runs/drive'

/** Names of the commands that a run has and no entry shows yet; see ExecutorStore.commandsOf. */
export function toHeldCommands({ key, inputs, answers }: Pick<Drive, 'key' | 'inputs' | 'answers'>): string[] {
  return [...inputs, ...answers].map(({ clientRef }) => `${key.generationId} ${clientRef}`)
}
