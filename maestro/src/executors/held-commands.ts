import type { Drive } from '#runs/drive'

/** Names of the commands that a run has and no entry shows yet; see ExecutorStore.commandsOf. */
export function toHeldCommands({ key, inputs }: Pick<Drive, 'key' | 'inputs'>): string[] {
  return inputs.map(({ clientRef }) => `${key.generationId} ${clientRef}`)
}
