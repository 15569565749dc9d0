import { Failure } from '@codegen/protocol/failure'
import { closeCodes } from '@codegen/protocol/wire'
import type { RunTool } from '@codegen/protocol/wire'
import type { Drive, ParkedDrive } from '#runs/drive'
import type { SavedEntry } from '#runs/log-entry'
import { driveRun } from '#runs/loop'
import type { Hands, RunKey } from '#runs/ports'
import { deliverTo } from './deliver-to.ts'
import type { Delivery } from './deliver-to.ts'
import { endWithoutExecutor } from './end-without-executor.ts'
import { createHands, createSeedHands } from './hands.ts'
import type { SeedHands } from './hands.ts'
import { toHeldCommands } from './held-commands.ts'
import { hold } from './hold.ts'
import { ParkedRuns } from './parked-runs.ts'
import type { ParkedRun } from './parked-runs.ts'
import type { ClaimedRun, ConnectionPorts, Greeted, InboxCommand, ParkedStatus, Toolbelts } from './ports.ts'
import { resumeRun, toLetter } from './resume-run.ts'
import { setAsideRun } from './set-aside-run.ts'
import { noteLate, refuseStray } from './stray-messages.ts'

type Tell = (failure: Failure, ref?: string) => void
type Bring = (drive: Drive) => void

type Owner = {
  close(code: number, reason: string): void
  /** Sends this executor the events of its own run, from `position` on, as they are published. */
  follow(generationId: string, position: number): void
}

/** The runs that one connection owns: it drives them, and brings them what their executor sends. */
export class OwnedRuns {
  readonly hands: Hands
  /** What its executor offers. */
  toolbelts: Toolbelts
  readonly #ports: ConnectionPorts
  readonly #greeted: Greeted
  readonly #owner: Owner
  readonly #seedHands: SeedHands | undefined
  readonly #drives = new Map<string, Drive>()
  /** What came for runs that are being read, or put out of memory: it is brought to them before they go on. */
  readonly #resuming: Map<string, Bring[]>
  readonly #parked = new ParkedRuns()
  readonly #driving = new Set<Promise<void>>()
  #isReleasing = false

  constructor(ports: ConnectionPorts, greeted: Greeted, owner: Owner) {
    this.#ports = ports
    this.#greeted = greeted
    this.#owner = owner
    this.#resuming = new Map(greeted.runs.map((run) => [run.generationId, []]))
    this.toolbelts = ports.toToolbelts(greeted.handshake)
    this.#seedHands = greeted.level === 0 ? this.#createSeedHands() : undefined
    this.hands = this.#seedHands ?? createHands(ports.channel, greeted.journalId)
  }

  /** Offers other tools from now on: each of its runs tells its model when it asks it next. */
  offer(toolbelts: Toolbelts): void {
    this.toolbelts = toolbelts
    for (const drive of this.#drives.values()) drive.toolbelt = toolbelts.of(drive.run.cwd)
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
    // Changed, perhaps, while it was put on record or read.
    drive.toolbelt = this.toolbelts.of(drive.run.cwd)
    // Who follows a run that was parked follows it still.
    if (this.#greeted.level === 1 && !drive.wasParked)
      this.#owner.follow(generationId, (news[0]?.position ?? drive.run.length + 1) - 1)
    drive.announce(news)
    // Its executor may have gone while the run was put on record.
    if (this.#isReleasing) this.#letGo(drive)
    this.#track(this.#drive(drive))
  }

  has(generationId: string): boolean {
    return this.#drives.has(generationId) || this.#parked.has(generationId)
  }

  drives(): Drive[] {
    return [...this.#drives.values()]
  }

  /** How many of them wait for a person, out of memory. */
  parkedCount(): number {
    return this.#parked.ids().length
  }

  keys(): RunKey[] {
    const ids = [...this.#drives.keys(), ...this.#resuming.keys(), ...this.#parked.ids()]
    return ids.map((generationId) => this.#keyOf(generationId))
  }

  /** Brings a run what its executor sent for it. */
  deliver(frame: Delivery, tell: Tell): void {
    const { generation_id, tool_id } = frame.payload
    if (frame.type === 'tool_output_delta') {
      const drive = this.#drives.get(generation_id)
      return drive && deliverTo(drive, frame)
    }
    const isHere = this.#bring(generation_id, (reached) => {
      if (frame.type === 'tool_result' && !reached.run.openCalls.has(tool_id)) noteLate(this.#ports, frame.payload)
      deliverTo(reached, frame)
    })
    if (isHere && frame.type === 'tool_result') this.#seedHands?.resultArrived(tool_id)
    if (isHere || this.#seedHands) return
    const { executorId } = this.#greeted
    refuseStray(this.#ports, { frame, executorId }, tell).catch((thrown: unknown) =>
      this.#ports.warn('A stray message could not be judged.', thrown),
    )
  }

  /** Ends the call whose result could not be read. */
  wrongResult(toolId: string, reason: string): void {
    const driven = this.drives().find(({ run }) => run.openCalls.has(toolId))
    const generationId = driven?.key.generationId ?? this.#parked.idOfCall(toolId)
    if (generationId === undefined) return
    const error = { code: 'message.invalid', message: reason }
    const result = { tool_id: toolId, generation_id: generationId, status: 'error', result: reason, error }
    this.#bring(generationId, ({ mailbox }) => mailbox.post({ kind: 'result', result }))
    this.#seedHands?.resultArrived(toolId)
  }

  command(command: InboxCommand): void {
    const { teamId, generationId } = command
    if (teamId !== this.#ports.principal.teamId) return
    this.#bring(generationId, ({ mailbox }) => mailbox.post(toLetter(command)))
  }

  /** Something happened to a run elsewhere: one that is parked is read again. */
  wake(generationId: string): void {
    if (this.#parked.has(generationId)) this.#unpark(generationId, [])
  }

  /** Names of the commands that its runs have and no entry shows yet; see ExecutorStore.commandsOf. */
  heldCommands(): string[] {
    return [...this.drives().flatMap(toHeldCommands), ...this.#parked.heldCommands()]
  }

  /**
   * Takes no more work and lets go of each run where another replica can go on with it at once: an answer that is being given is put on record first. A run
   * of an executor that cannot come back is waited for. Resolves when none is left.
   */
  async leave(): Promise<void> {
    this.#isReleasing = true
    if (!this.#seedHands) for (const drive of this.#drives.values()) drive.mailbox.post({ kind: 'leave' })
    this.#releaseParked()
    while (this.#driving.size > 0) await Promise.all(this.#driving)
  }

  /** Whether it lets go of its runs and takes no others. */
  get isReleasing(): boolean {
    return this.#isReleasing
  }

  /** Lets go of all of them; resolves when each is parked, or has ended with an executor that cannot come back. */
  async releaseAll(): Promise<void> {
    this.#isReleasing = true
    this.#seedHands?.stop()
    for (const drive of this.#drives.values()) this.#letGo(drive)
    this.#releaseParked()
    await Promise.all(this.#driving)
  }

  #releaseParked(): void {
    for (const generationId of this.#parked.ids()) {
      this.#parked.take(generationId)?.stopwatch.left(undefined)
      this.#track(this.#park(generationId, 'waiting_executor'))
    }
  }

  /** Brings something to a run, at once or when it has been read. False when the run is not open here. */
  #bring(generationId: string, bring: Bring): boolean {
    const waiting = this.#resuming.get(generationId)
    const drive = this.#drives.get(generationId)
    if (waiting) hold(waiting, bring)
    else if (drive) bring(drive)
    else if (this.#parked.has(generationId)) this.#unpark(generationId, [bring])
    else return false
    return true
  }

  #letGo(drive: Drive): void {
    if (this.#seedHands) endWithoutExecutor(drive)
    else drive.mailbox.post({ kind: 'release' })
  }

  #track(work: Promise<void>): void {
    const done = work.finally(() => this.#driving.delete(done))
    this.#driving.add(done)
  }

  /** Reads a claimed or parked run and goes on with it; what came for it meanwhile is in its hands before its open calls are sent again. */
  async #resume(claimed: Pick<ClaimedRun, 'generationId' | 'claims'>, parked?: ParkedRun): Promise<void> {
    const { generationId } = claimed
    const { hands, toolbelts } = this
    try {
      const resume = { greeted: this.#greeted, claimed, parked, hands, toolbelts }
      const { drive, news } = await this.#ports.reading.pass(() => resumeRun(this.#ports, resume))
      if (this.#isReleasing) {
        drive.release()
        return await this.#park(generationId, 'waiting_executor')
      }
      for (const bring of this.#resuming.get(generationId) ?? []) bring(drive)
      this.add(drive, news)
    } catch (thrown) {
      parked?.stopwatch.left(undefined)
      if (thrown instanceof Failure && thrown.code === 'run.unreadable')
        return await setAsideRun(this.#ports, { generationId, epoch: this.#greeted.epoch, failure: thrown })
      this.#ports.warn(`The run ${generationId} could not be read.`, thrown)
      // What came for it has not been acknowledged and comes again with the next connection.
      this.#disown()
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
    if (drive.parked) return this.#keepParked(drive, drive.parked)
    if (this.#isReleasing) return this.#park(generationId, 'waiting_executor')
    // Neither released nor ended: another replica owns it, or its log cannot be written.
    this.#disown()
  }

  /** This connection owns nothing any more. */
  #disown(): void {
    this.#owner.close(closeCodes.superseded, 'this replica does not own the executor any more')
  }

  /** Says on record that a run waits for a person; what comes for it before that is said waits, or its row would be wrong. */
  async #keepParked(drive: Drive, parked: ParkedDrive): Promise<void> {
    const { generationId } = drive.key
    const waiting = drive.mailbox.takeAll().map(
      (letter): Bring =>
        ({ mailbox }) =>
          mailbox.post(letter),
    )
    this.#resuming.set(generationId, waiting)
    await this.#park(generationId, 'waiting_approval')
    this.#resuming.delete(generationId)
    if (this.#isReleasing) {
      parked.stopwatch.left(undefined)
      return this.#park(generationId, 'waiting_executor')
    }
    this.#parked.keep(drive, parked)
    if (waiting.length > 0) this.#unpark(generationId, waiting)
  }

  #unpark(generationId: string, waiting: Bring[]): void {
    const parked = this.#parked.take(generationId)
    this.#resuming.set(generationId, waiting)
    this.#track(this.#resume({ generationId, claims: 0 }, parked))
  }

  async #park(generationId: string, status: ParkedStatus): Promise<void> {
    await this.#ports.store.park(this.#keyOf(generationId), this.#greeted.epoch, status).catch((thrown: unknown) => {
      this.#ports.warn(`The run ${generationId} could not be marked as ${status}.`, thrown)
    })
  }

  #keyOf(generationId: string): RunKey {
    return { teamId: this.#ports.principal.teamId, generationId }
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
}
