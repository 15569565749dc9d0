import { toFailure } from '@codegen/protocol/failure'
import type { Failure } from '@codegen/protocol/failure'
import { closeCodes } from '@codegen/protocol/wire'
import type { ExecutorFrame, Handshake, StartRun, Subscribe } from '@codegen/protocol/wire'
import type { Drive } from '#runs/drive'
import { readEvents } from '#runs/event-reader'
import type { EventReading, EventSink } from '#runs/event-reader'
import type { RunKey } from '#runs/ports'
import { readCursor } from '#runs/read-cursor'
import { cancelRun, unknownRun } from './cancel-run.ts'
import { toFrameText, toRunEventText } from './frames.ts'
import { greet, refuseHandshake } from './handshake.ts'
import { OwnedRuns } from './owned-runs.ts'
import type { ConnectionPorts, Greeted, InboxCommand, QueuedStart } from './ports.ts'
import { readFrame } from './read-frame.ts'
import { refuseStart } from './refuse-start.ts'
import { runInput } from './run-input.ts'
import { sendError } from './send-error.ts'
import { startRun } from './start-run.ts'
import { takeUp } from './take-up.ts'
import { ToolChanges } from './tool-changes.ts'
import { toldOfAnswer } from './told-of-answer.ts'

type State =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'claiming'; readonly frames: ExecutorFrame[] }
  | { readonly kind: 'open'; readonly greeted: Greeted; readonly runs: OwnedRuns }
  | { readonly kind: 'closed'; readonly settled: Promise<void> }

type Open = Extract<State, { kind: 'open' }>

const seedMessages = new Set<ExecutorFrame['type']>(['handshake', 'tool_result'])
const claimingFramesMax = 1_000
const firstMessage = 'the first message must be a handshake'

/** One executor's connection: its frames, what it subscribed to, and the runs it owns while it lasts. */
export class Connection {
  readonly #ports: ConnectionPorts
  readonly #subscriptions = new Map<string, () => void>()
  /** Runs whose events were asked for, from a place that is being looked up. */
  readonly #asked = new Set<string>()
  /** Runs that were asked for elsewhere and are being begun here. */
  readonly #takingUp = new Set<string>()
  readonly #toolChanges: ToolChanges
  #state: State = { kind: 'waiting' }

  constructor(ports: ConnectionPorts) {
    this.#ports = ports
    this.#toolChanges = new ToolChanges(ports, (failure, ref) => this.#tell(failure, ref))
  }

  /** Takes one frame. Never throws: what is wrong with it is answered, or closes the socket. */
  receive(text: string): void {
    const state = this.#state
    if (state.kind === 'closed') return
    const frame = readFrame(text, {
      level: state.kind === 'open' ? state.greeted.level : 0,
      tell: (failure) => this.#tell(failure),
      close: (code, reason) => this.close(code, reason),
      wrongResult: (toolId, reason) => state.kind === 'open' && state.runs.wrongResult(toolId, reason),
    })
    if (!frame) {
      // Whatever it was, it was no handshake; a connection that was closed for it stays closed for that.
      if (this.#state.kind === 'waiting') this.close(closeCodes.badHandshake, firstMessage)
      return
    }
    if (state.kind === 'open') return this.#handle(frame, state)
    if (state.kind === 'claiming') {
      if (state.frames.push(frame) > claimingFramesMax)
        this.close(closeCodes.policy, 'too many messages before the welcome')
    } else if (frame.type === 'handshake') this.#shakeHands(frame.payload)
    else this.close(closeCodes.badHandshake, firstMessage)
  }

  /** A command from the inbox; ignored when the run is not open here. */
  command(command: InboxCommand): void {
    if (this.#state.kind === 'open') this.#state.runs.command(command)
  }

  /** The executor at the other end, once it is welcomed and can be asked for runs. */
  executor(): { teamId: string; executorId: string } | undefined {
    if (this.#state.kind !== 'open' || this.#state.greeted.level === 0) return undefined
    return { teamId: this.#ports.principal.teamId, executorId: this.#state.greeted.executorId }
  }

  /** Begins a run that was asked for elsewhere; ignored when that is under way. */
  takeUp(start: QueuedStart): void {
    const state = this.#state
    const { generationId } = start
    if (
      state.kind !== 'open' ||
      state.runs.isReleasing ||
      this.#takingUp.has(generationId) ||
      state.runs.has(generationId)
    )
      return
    this.#takingUp.add(generationId)
    takeUp(this.#ports, start, state)
      .catch((thrown: unknown) => this.#ports.warn(`The run ${generationId} could not be begun.`, thrown))
      .finally(() => this.#takingUp.delete(generationId))
  }

  openRuns(): RunKey[] {
    return this.#state.kind === 'open' ? this.#state.runs.keys() : []
  }

  drives(): Drive[] {
    return this.#state.kind === 'open' ? this.#state.runs.drives() : []
  }

  /** Something happened to a run elsewhere; ignored unless it is parked here. */
  wake({ teamId, generationId }: RunKey): void {
    if (this.#state.kind === 'open' && teamId === this.#ports.principal.teamId) this.#state.runs.wake(generationId)
  }

  parkedCount(): number {
    return this.#state.kind === 'open' ? this.#state.runs.parkedCount() : 0
  }

  /** Names of commands that its runs have and no entry shows yet. */
  heldCommands(): string[] {
    return this.#state.kind === 'open' ? this.#state.runs.heldCommands() : []
  }

  /** Sends the executor to another replica, once its runs can go on there. */
  async leave(reason: string): Promise<void> {
    const state = this.#state
    if (state.kind === 'open') {
      await state.runs.leave()
      if (state.greeted.level === 1)
        this.#ports.channel.send(toFrameText({ type: 'drain', payload: { reason, reconnect_in_ms: 0 } }))
    }
    this.close(closeCodes.restart, reason)
  }

  /** Closes the socket and lets go of its runs. */
  close(code: number, reason: string): void {
    this.#ports.channel.close(code, reason)
    this.closed()
  }

  /** The socket is closed, by whomever. */
  closed(): void {
    const state = this.#state
    if (state.kind === 'closed') return
    for (const unsubscribe of this.#subscriptions.values()) unsubscribe()
    const isOpen = state.kind === 'open'
    this.#state = { kind: 'closed', settled: isOpen ? state.runs.releaseAll() : Promise.resolve() }
    this.#ports.onClosed(isOpen ? state.greeted : undefined)
  }

  /** Resolves when its runs have been let go. */
  settled(): Promise<void> {
    return this.#state.kind === 'closed' ? this.#state.settled : Promise.resolve()
  }

  #tell(failure: Failure, ref?: string): void {
    sendError(this.#ports.channel, failure, ref === undefined ? {} : { ref })
  }

  #shakeHands(handshake: Handshake): void {
    this.#state = { kind: 'claiming', frames: [] }
    greet(this.#ports, handshake).then(
      (greeted) => this.#open(greeted),
      (thrown: unknown) => {
        const close = (code: number, reason: string): void => this.close(code, reason)
        refuseHandshake(this.#ports, thrown, { isSeed: !handshake.protocol, close })
      },
    )
  }

  #open(greeted: Greeted): void {
    if (this.#state.kind !== 'claiming') return
    const { frames } = this.#state
    const runs = new OwnedRuns(this.#ports, greeted, {
      close: (code, reason) => this.close(code, reason),
      follow: (generationId, position) => this.#follow(generationId, position),
    })
    const open: Open = { kind: 'open', greeted, runs }
    this.#state = open
    this.#ports.onClaimed(greeted)
    runs.takeOver(greeted.runs)
    if (greeted.level === 0) this.#startSeedRun(open)
    for (const frame of frames) this.#handle(frame, open)
  }

  #handle(frame: ExecutorFrame, { greeted, runs }: Open): void {
    // An executor of level 0 knows the seed's messages; any other it sends is unknown there, so ignored.
    if (greeted.level === 0 && !seedMessages.has(frame.type)) return
    switch (frame.type) {
      case 'tool_result':
      case 'tool_output_delta':
      case 'approval_requested':
      case 'approval_resolved':
        return runs.deliver(frame, (failure, ref) => this.#tell(failure, ref))
      case 'start_run':
        return this.#startRun(frame.payload, { greeted, runs })
      case 'cancel_run':
        cancelRun(this.#ports, greeted.executorId, frame.payload).catch((thrown: unknown) =>
          this.#tell(toFailure(thrown), `cancel_run:${frame.payload.client_ref}`),
        )
        return
      case 'run_input':
        runInput(this.#ports, greeted.executorId, frame.payload).catch((thrown: unknown) =>
          this.#tell(toFailure(thrown), `run_input:${frame.payload.client_ref}`),
        )
        return
      case 'tools_changed':
        return this.#toolChanges.take(frame.payload, { greeted, runs })
      case 'subscribe':
        return this.#subscribe(frame.payload, { greeted, runs })
      case 'unsubscribe':
        return this.#unsubscribe(frame.payload.generation_id)
      case 'goodbye':
        return this.close(closeCodes.done, 'goodbye')
      case 'handshake':
        return this.close(closeCodes.policy, 'a second handshake')
      case 'stored':
      case 'error':
        return toldOfAnswer(runs.drives(), frame)
    }
  }

  #startRun(start: StartRun, { greeted, runs }: Omit<Open, 'kind'>): void {
    // It is kept by its executor, and asked for again at another replica.
    if (runs.isReleasing) return
    startRun(this.#ports, { greeted, runs, start }).catch((thrown: unknown) => {
      const failure = toFailure(thrown)
      if (failure.code === 'internal') this.#ports.warn('A run could not be started.', thrown)
      refuseStart(this.#ports, start.client_ref, failure)
    })
  }

  #startSeedRun({ greeted, runs }: Open): void {
    const { initial_prompt, project_spec } = greeted.handshake
    if (initial_prompt.trim() === '') return this.close(closeCodes.badHandshake, 'the handshake has no initial_prompt')
    const start = {
      client_ref: greeted.executorId,
      prompt: initial_prompt,
      cwd: '.',
      mode: 'auto',
      project_spec,
    } as const
    startRun(this.#ports, { greeted, runs, start }).catch((thrown: unknown) => {
      this.#ports.warn('A run of the seed level could not be started.', thrown)
      this.close(closeCodes.policy, toFailure(thrown).message)
    })
  }

  /** An executor is shown its own runs without asking; where it has asked, it knows better from where on. */
  #follow(generationId: string, position: number): void {
    if (this.#subscriptions.has(generationId) || this.#asked.has(generationId)) return
    this.#read(generationId, { after: { position, k: 0 }, scope: 'owner', isLive: true })
  }

  #subscribe(wanted: Subscribe, { greeted, runs }: Omit<Open, 'kind'>): void {
    const { generation_id, after } = wanted
    const key = { teamId: this.#ports.principal.teamId, generationId: generation_id }
    this.#asked.add(generation_id)
    const read = async (): Promise<void> => {
      const isHere = runs.has(generation_id)
      if (!isHere && !(await this.#ports.store.standingOf(key, greeted.executorId))) throw unknownRun(generation_id)
      // Without a cursor there is nothing to look up, and what is driven here is read at once.
      const from = after === undefined ? { position: 0, k: 0 } : await readCursor(this.#ports.brain.log, key, after)
      this.#read(generation_id, { after: from, scope: runs.has(generation_id) ? 'owner' : 'anywhere' })
    }
    read()
      .catch((thrown: unknown) => this.#tell(toFailure(thrown), `subscribe:${generation_id}`))
      .finally(() => this.#asked.delete(generation_id))
  }

  #unsubscribe(generationId: string): void {
    this.#subscriptions.get(generationId)?.()
    this.#subscriptions.delete(generationId)
  }

  #read(generationId: string, reading: Omit<EventReading, 'key'>): void {
    this.#unsubscribe(generationId)
    if (this.#state.kind === 'closed') return
    const { channel, brain, principal } = this.#ports
    const sink: EventSink = {
      event: (event) => channel.send(toRunEventText(generationId, event)),
      end: () => this.#subscriptions.delete(generationId),
      fail: (thrown) => this.#tell(toFailure(thrown), `subscribe:${generationId}`),
    }
    const key = { teamId: principal.teamId, generationId }
    this.#subscriptions.set(generationId, readEvents(brain, { key, ...reading }, sink))
  }
}
