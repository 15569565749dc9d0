import { Failure, toFailure } from '@codegen/protocol/failure'
import type { ToolsChanged } from '@codegen/protocol/wire'
import { toToolNames, tooManyBytes } from './announced-tools.ts'
import { toFrameText } from './frames.ts'
import type { OwnedRuns } from './owned-runs.ts'
import type { ConnectionPorts, Greeted } from './ports.ts'

type Owner = { readonly greeted: Greeted; readonly runs: OwnedRuns }

/** What one connection's executor says of its tools after its handshake: of two changes the one with the higher revision counts. */
export class ToolChanges {
  readonly #ports: ConnectionPorts
  readonly #tell: (failure: Failure, ref: string) => void
  #revision = 0
  /** One after the other: the last one written is the last one that came. */
  #saved: Promise<void> = Promise.resolve()

  constructor(ports: ConnectionPorts, tell: (failure: Failure, ref: string) => void) {
    this.#ports = ports
    this.#tell = tell
  }

  /** Offers them to the connection's runs at once, and says so once their names are on record. Older ones are acknowledged and not used. */
  take(changed: ToolsChanged, { greeted, runs }: Owner): void {
    const ref = `tools_changed:${changed.revision}`
    const tooBig = tooManyBytes(changed)
    if (tooBig) return this.#tell(tooBig, ref)
    const isNews = changed.revision >= this.#revision
    if (isNews) {
      this.#revision = changed.revision
      runs.offer(this.#ports.toToolbelts(changed))
    }
    this.#saved = this.#saved
      .then(() => (isNews ? this.#save(changed, greeted) : undefined))
      .then(() => this.#ports.channel.send(toFrameText({ type: 'stored', payload: { ref } })))
      .catch((thrown: unknown) => this.#refuse(thrown, ref))
  }

  async #save(changed: ToolsChanged, { executorId, epoch }: Greeted): Promise<void> {
    const { teamId } = this.#ports.principal
    if (await this.#ports.store.saveTools({ teamId, executorId, epoch }, toToolNames(changed))) return
    throw new Failure('executor.superseded', 'This connection does not own its executor any more.')
  }

  #refuse(thrown: unknown, ref: string): void {
    const failure = toFailure(thrown)
    if (failure.code === 'internal') this.#ports.warn('The tools of an executor could not be saved.', thrown)
    this.#tell(failure, ref)
  }
}
