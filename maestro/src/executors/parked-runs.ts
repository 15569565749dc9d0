import type { Drive, ParkedDrive } from '#runs/drive'
import { toHeldCommands } from './held-commands.ts'

/** What a connection keeps of a run of its that waits for a person; all else is rows. */
export type ParkedRun = ParkedDrive & {
  /** Names of commands it has and no entry shows yet; they are no reason to read it again. */
  readonly heldCommands: readonly string[]
}

/** The runs of a connection that wait for a person and are out of memory. */
export class ParkedRuns {
  readonly #parked = new Map<string, ParkedRun>()

  keep(drive: Drive, parked: ParkedDrive): void {
    this.#parked.set(drive.key.generationId, { ...parked, heldCommands: toHeldCommands(drive) })
  }

  /** It is parked no longer. */
  take(generationId: string): ParkedRun | undefined {
    const parked = this.#parked.get(generationId)
    this.#parked.delete(generationId)
    return parked
  }

  has(generationId: string): boolean {
    return this.#parked.has(generationId)
  }

  ids(): string[] {
    return [...this.#parked.keys()]
  }

  /** The run that has this call open. */
  idOfCall(toolId: string): string | undefined {
    return this.ids().find((id) => this.#parked.get(id)?.toolIds.includes(toolId))
  }

  heldCommands(): string[] {
    return [...this.#parked.values()].flatMap(({ heldCommands }) => heldCommands)
  }
}
