import { Failure } from '@codegen/protocol/failure'
import { closeCodes } from '@codegen/protocol/wire'
import type { ExecutorFrame, RunTool } from '@codegen/protocol/wire'
import type { Drive } from '#runs/drive'
import type { SavedEntry } from '#runs/log-entry'
import { driveRun } from '#runs/loop'
import type { Hands, RunKey, Toolbelt } from '#runs/ports'
import { toFrameText } from './frames.ts'
import { createHands, createSeedHands } from './hands.ts'
import type { SeedHands } from './hands.ts'
import type { ClaimedRun, ConnectionPorts, Greeted, InboxCommand } from './ports.ts'
import { resumeRun, toLetter } from './resume-run.ts'

type Delivery = Extract<
  ExecutorFrame,
  { type: 'tool_result' | 'tool_output_delta' | 'approval_requested' | 'approval_resolved' }
>
const heldMax = 1_000
type Tell = (failure: Failure, ref?: string) => void

type Owner = {
  close(code: number, reason: string): void
  /** Sends this executor the events of its own run, from `position` on, as they are published. */
  follow(generationId: string, position: number): void
}

/** The runs that one connection owns: it drives them, and brings them what their executor sends. */
export class OwnedRuns {
  readonly hands: Hands
  readonly toolbelt: Toolbelt
  readonly #ports: ConnectionPorts
  readonly #greeted: Greeted
  readonly #owner: Owner
  readonly #seedHands: SeedHands | undefined
  readonly #drives = new Map<string, Drive>()
  /** What came for runs that are still being read: it is brought to them before they go on. */
  readonly #resuming: Map<string, ((drive: Drive) => void)[]>
  readonly #driving = new Set<Promise<void>>()
  #isReleasing = false

  constructor(ports: ConnectionPorts, greeted: Greeted, owner: Owner) {
    this.#ports = ports
    this.#greeted = greeted
    this.#owner = owner
    this.#resuming = new Map(greeted.runs.map((run) => [run.generationId, []]))
    this.toolbelt = ports.toToolbelt(greeted.handshake)
    this.#seedHands = greeted.level === 0 ? this.#createSeedHands() : undefined
    this.hands = this.#seedHands ?? createHands(ports.channel, greeted.journalId)
  }

  /** Goes on with runs that were claimed. */
  takeOver(runs: readonly ClaimedRun[]): void {
    for (const claimed of runs) {
      const { generationId } = claimed
      this.#resuming.set(generationId, this.#resuming.get(generationId) ?? [])
      this.#track(this.#resume(claimed))
    }
  }

  /** Drives a run from here on; `news` are entries that are on record and not published yet. */
  add(drive: Drive, news: readonly SavedEntry[]): void {
    const { generationId } = drive.key
    this.#drives.set(generationId, drive)
    if (this.#greeted.level === 1) this.#owner.follow(generationId, (news[0]?.position ?? drive.run.length + 1) - 1)
    drive.announce(news)
    // Its executor may have gone while the run was put on record.
    if (this.#isReleasing) this.#letGo(drive)
    this.#track(this.#drive(drive))
  }

  /** Tells the executor that a run it asked for will not be. */
  refuse(clientRef: string, failure: Failure): void {
    const { code, message } = failure
    this.#ports.channel.send(
      toFrameText({
        type: 'run_finished',
        payload: {
          generation_id: this.#ports.brain.mintId(),
          client_ref: clientRef,
          status: 'refused',
          error: { code, message },
        },
      }),
    )
  }

  has(generationId: string): boolean {
    return this.#drives.has(generationId)
  }

  drives(): Drive[] {
    return [...this.#drives.values()]
  }

  keys(): RunKey[] {
    const { teamId } = this.#ports.principal
    return [...this.#drives.keys(), ...this.#resuming.keys()].map((generationId) => ({ teamId, generationId }))
  }

  /** Brings a run what its executor sent for it. */
  deliver(frame: Delivery, tell: Tell): void {
    const drive = this.#drives.get(frame.payload.generation_id)
    const waiting = this.#resuming.get(frame.payload.generation_id)
    if (waiting) {
      if (frame.type !== 'tool_output_delta') hold(waiting, (resumed) => deliverTo(resumed, frame))
    } else if (drive) {
      this.#noteLate(frame, drive)
      deliverTo(drive, frame)
      if (frame.type === 'tool_result') this.#seedHands?.resultArrived(frame.payload.tool_id)
    } else if (frame.type !== 'tool_output_delta' && !this.#seedHands) this.#refuseStray(frame, tell)
  }

  /** Ends the call whose result could not be read. */
  wrongResult(toolId: string, reason: string): void {
    const drive = [...this.#drives.values()].find((candidate) => candidate.run.openCalls.has(toolId))
    if (!drive) return
    const error = { code: 'message.invalid', message: reason }
    const { generationId } = drive.key
    const result = { tool_id: toolId, generation_id: generationId, status: 'error', result: reason, error }
    drive.mailbox.post({ kind: 'result', result })
    this.#seedHands?.resultArrived(toolId)
  }

  command(command: InboxCommand): void {
    const { teamId, generationId } = command
    if (teamId !== this.#ports.principal.teamId) return
    const bring = (drive: Drive): void => drive.mailbox.post(toLetter(command))
    const waiting = this.#resuming.get(generationId)
    if (waiting) return hold(waiting, bring)
    const drive = this.#drives.get(generationId)
    if (drive) bring(drive)
  }

  /** Names of the commands that its runs have and no entry shows yet; see ExecutorStore.commandsOf. */
  heldCommands(): string[] {
    return [...this.#drives.values()].flatMap(({ key, inputs }) =>
      inputs.map(({ clientRef }) => `${key.generationId} ${clientRef}`),
    )
  }

  /** Lets go of all of them; resolves when each is parked, or has ended with an executor that cannot come back. */
  async releaseAll(): Promise<void> {
    this.#isReleasing = true
    this.#seedHands?.stop()
    for (const drive of this.#drives.values()) this.#letGo(drive)
    await Promise.all(this.#driving)
  }

  #letGo(drive: Drive): void {
    if (this.#seedHands) endWithoutExecutor(drive)
    else drive.mailbox.post({ kind: 'release' })
  }

  #track(work: Promise<void>): void {
    const done = work.finally(() => this.#driving.delete(done))
    this.#driving.add(done)
  }

  /** Reads a claimed run and goes on with it; what came for it meanwhile is in its hands before its open calls are sent again. */
  async #resume(claimed: ClaimedRun): Promise<void> {
    const { generationId } = claimed
    const { hands, toolbelt } = this
    try {
      const { drive, news } = await resumeRun(this.#ports, { greeted: this.#greeted, claimed, hands, toolbelt })
      if (this.#isReleasing) {
        drive.release()
        return await this.#park(drive)
      }
      for (const bring of this.#resuming.get(generationId) ?? []) bring(drive)
      this.add(drive, news)
    } catch (thrown) {
      this.#ports.warn(`The run ${generationId} cannot be read.`, thrown)
    } finally {
      this.#resuming.delete(generationId)
    }
  }

  async #drive(drive: Drive): Promise<void> {
    const { generationId } = drive.key
    try {
      await driveRun(drive)
    } catch (thrown) {
      this.#ports.warn(`The run ${generationId} cannot go on here.`, thrown)
      drive.release()
    } finally {
      this.#drives.delete(generationId)
    }
    if (drive.run.outcome) return
    if (this.#isReleasing) return this.#park(drive)
    // Neither released nor ended: another replica owns it, or its log cannot be written. Either way this connection owns nothing any more.
    this.#owner.close(closeCodes.superseded, 'this replica does not own the executor any more')
  }

  async #park(drive: Drive): Promise<void> {
    await this.#ports.store.park(drive.key, this.#greeted.epoch).catch((thrown: unknown) => {
      this.#ports.warn(`The run ${drive.key.generationId} could not be marked as waiting for its executor.`, thrown)
    })
  }

  #createSeedHands(): SeedHands {
    return createSeedHands({
      channel: this.#ports.channel,
      journalId: this.#greeted.journalId,
      onTimeout: ({ tool_id, generation_id }: RunTool) => {
        const result = { tool_id, generation_id, status: 'timeout', result: 'No result came in time.' }
        this.#drives.get(generation_id)?.mailbox.post({ kind: 'result', result })
      },
      onFinished: () => this.#owner.close(closeCodes.done, 'the run has ended'),
    })
  }

  /** What comes for a call that has ended is for the log alone: a repeat, or a result that nobody waited for any more. */
  #noteLate(frame: Delivery, { run }: Pick<Drive, 'run'>): void {
    if (frame.type !== 'tool_result' || run.openCalls.has(frame.payload.tool_id)) return
    const { tool_id, generation_id, status } = frame.payload
    this.#ports.warn(
      `A late result (${status.slice(0, 40)}) of the call ${tool_id} of the run ${generation_id} was not used.`,
      undefined,
    )
  }

  /**
   * A message for a run that is not open here. For an ended run of this executor it is a late repeat: acknowledged, so that it is not sent for
   * ever. For any other run it is refused, and that run never hears of it.
   */
  #refuseStray(frame: Delivery, tell: Tell): void {
    const { generation_id, tool_id } = frame.payload
    const ref = `${frame.type}:${tool_id}`
    const key = { teamId: this.#ports.principal.teamId, generationId: generation_id }
    this.#ports.store.isRunOf(key, this.#greeted.executorId).then(
      (isOwn) => {
        if (isOwn) this.hands.stored(ref)
        else tell(new Failure('server.forbidden', `The run ${generation_id} is not one of this executor.`), ref)
      },
      (thrown: unknown) => this.#ports.warn('A stray message could not be judged.', thrown),
    )
  }
}

/** Beyond the bound it is as if it had not come: nothing that is held has been acknowledged, so it comes again. */
function hold(waiting: ((drive: Drive) => void)[], bring: (drive: Drive) => void): void {
  if (waiting.length < heldMax) waiting.push(bring)
}

function deliverTo(drive: Drive, frame: Delivery): void {
  switch (frame.type) {
    case 'tool_result':
      return drive.mailbox.post({ kind: 'result', result: frame.payload })
    case 'approval_requested':
    case 'approval_resolved':
      return drive.mailbox.post({ kind: 'approval', fact: frame })
    case 'tool_output_delta':
      if (drive.run.openCalls.has(frame.payload.tool_id)) drive.outlet.decoration(frame)
  }
}

/** An executor of level 0 is known by its connection only and cannot come back: its calls end here, and its run with them. */
function endWithoutExecutor(drive: Drive): void {
  const message = 'The executor went away before its run had ended.'
  drive.fail({ status: 'failed', error: { code: 'executor.offline', message } })
  for (const toolId of drive.run.openCalls.keys()) {
    const result = { tool_id: toolId, generation_id: drive.key.generationId, status: 'interrupted', result: message }
    drive.mailbox.post({ kind: 'result', result })
  }
  drive.mailbox.post({ kind: 'look' })
}
