import { toFailure } from '@codegen/protocol/failure'
import type { Failure } from '@codegen/protocol/failure'
import { parseEventId } from '@codegen/protocol/ids'
import { closeCodes } from '@codegen/protocol/wire'
import type { ExecutorFrame, Subscribe } from '@codegen/protocol/wire'
import { readEvents } from '#runs/event-reader'
import type { RunKey } from '#runs/ports'
import type { CommunicatorPorts } from './executor-communicator.ts'
import { cancelRun, unknownRun } from './cancel-run.ts'
import { toRunEventText } from './frames.ts'
import { greet, refuseHandshake } from './handshake.ts'
import type { Greeted } from './handshake.ts'
import { createOwnedRuns } from './owned-runs.ts'
import type { OwnedRuns } from './owned-runs.ts'
import type { Channel, InboxCommand, Principal } from './ports.ts'
import { readFrame } from './read-frame.ts'
import { sendError } from './send-error.ts'
import { startRun } from './start-run.ts'

export type ConnectionPorts = CommunicatorPorts & {
  readonly channel: Channel
  readonly principal: Principal
  onClaimed(greeted: Greeted): void
  onClosed(greeted: Greeted | undefined): void
}

/** One executor's connection: frames in, and the runs it owns while it lasts. */
export type Connection = {
  receive(text: string): void
  /** A command from the inbox; ignored when the run is not open here. */
  command(command: InboxCommand): void
  openRuns(): RunKey[]
  /** Closes the socket and lets go of its runs. */
  close(code: number, reason: string): void
  /** The socket is closed, by whomever. */
  closed(): void
  /** Resolves when its runs have been let go. */
  settled(): Promise<void>
}

type State =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'claiming'; readonly frames: ExecutorFrame[] }
  | { readonly kind: 'open'; readonly greeted: Greeted; readonly runs: OwnedRuns }
  | { readonly kind: 'closed'; readonly settled: Promise<void> }

const claimingFramesMax = 1_000

export function createConnection(ports: ConnectionPorts): Connection {
  const { channel } = ports
  let state: State = { kind: 'waiting' }
  const subscriptions = new Map<string, () => void>()

  const tell = (failure: Failure, ref?: string): void => sendError(channel, failure, ref === undefined ? {} : { ref })
  const leave = (): void => {
    if (state.kind === 'closed') return
    for (const unsubscribe of subscriptions.values()) unsubscribe()
    const greeted = state.kind === 'open' ? state.greeted : undefined
    state = { kind: 'closed', settled: state.kind === 'open' ? state.runs.releaseAll() : Promise.resolve() }
    ports.onClosed(greeted)
  }
  const close = (code: number, reason: string): void => {
    channel.close(code, reason)
    leave()
  }
  const open = (greeted: Greeted): void => {
    if (state.kind !== 'claiming') return
    const { frames } = state
    const runs = createOwnedRuns(ports, greeted, { close, subscribe })
    state = { kind: 'open', greeted, runs }
    ports.onClaimed(greeted)
    runs.takeOver()
    if (greeted.level === 0) startSeedRun(greeted, runs)
    for (const frame of frames) handle(frame)
  }
  const startSeedRun = (greeted: Greeted, runs: OwnedRuns): void => {
    const { initial_prompt, project_spec } = greeted.handshake
    if (initial_prompt.trim() === '') return close(closeCodes.badHandshake, 'the handshake has no initial_prompt')
    const start = {
      client_ref: greeted.executorId,
      prompt: initial_prompt,
      cwd: '.',
      mode: 'auto',
      project_spec,
    } as const
    startRun(ports, { greeted, runs, start }).catch((thrown: unknown) => {
      const failure = toFailure(thrown)
      ports.warn('A run of the seed level could not be started.', thrown)
      close(closeCodes.policy, failure.message)
    })
  }
  const shakeHands = (frame: Extract<ExecutorFrame, { type: 'handshake' }>): void => {
    state = { kind: 'claiming', frames: [] }
    greet(ports, frame.payload).then(open, (thrown: unknown) => refuseHandshake(ports, thrown, close))
  }
  const subscribe = ({ generation_id, after }: Subscribe): void => {
    if (state.kind !== 'open') return
    subscriptions.get(generation_id)?.()
    const key = { teamId: ports.principal.teamId, generationId: generation_id }
    const scope = state.runs.has(generation_id) ? 'owner' : 'anywhere'
    const reading = { key, scope, after: (after && parseEventId(after)) || { position: 0, k: 0 } } as const
    const sink = {
      event: (event: Parameters<typeof toRunEventText>[1]) => channel.send(toRunEventText(generation_id, event)),
      end: () => subscriptions.delete(generation_id),
      fail: (thrown: unknown) => tell(toFailure(thrown), `subscribe:${generation_id}`),
    }
    subscriptions.set(generation_id, readEvents(ports.brain, reading, sink))
  }
  const subscribeIfOwn = (executorId: string, wanted: Subscribe): void => {
    const { generation_id } = wanted
    if (state.kind === 'open' && state.runs.has(generation_id)) return subscribe(wanted)
    const ref = `subscribe:${generation_id}`
    ports.store.isRunOf({ teamId: ports.principal.teamId, generationId: generation_id }, executorId).then(
      (isOwn) => (isOwn ? subscribe(wanted) : tell(unknownRun(generation_id), ref)),
      (thrown: unknown) => tell(toFailure(thrown), ref),
    )
  }
  const handle = (frame: ExecutorFrame): void => {
    if (state.kind !== 'open') return
    const { greeted, runs } = state
    switch (frame.type) {
      case 'tool_result':
      case 'tool_output_delta':
      case 'approval_requested':
      case 'approval_resolved':
        return runs.deliver(frame, tell)
      case 'start_run':
        startRun(ports, { greeted, runs, start: frame.payload }).catch((thrown: unknown) => {
          const failure = toFailure(thrown)
          if (failure.code === 'internal') ports.warn('A run could not be started.', thrown)
          tell(failure, `start_run:${frame.payload.client_ref}`)
        })
        return
      case 'cancel_run':
        cancelRun(ports, greeted.executorId, frame.payload).catch((thrown: unknown) =>
          tell(toFailure(thrown), `cancel_run:${frame.payload.client_ref}`),
        )
        return
      case 'subscribe':
        return subscribeIfOwn(greeted.executorId, frame.payload)
      case 'unsubscribe':
        subscriptions.get(frame.payload.generation_id)?.()
        subscriptions.delete(frame.payload.generation_id)
        return
      case 'goodbye':
        return close(closeCodes.done, 'goodbye')
      case 'handshake':
        return close(closeCodes.policy, 'a second handshake')
      case 'stored':
      case 'error':
        return
    }
  }

  return {
    receive(text) {
      if (state.kind === 'closed') return
      const frame = readFrame(text, {
        tell,
        close,
        level: state.kind === 'open' ? state.greeted.level : 0,
        wrongResult: (toolId, reason) => state.kind === 'open' && state.runs.wrongResult(toolId, reason),
      })
      if (!frame) return
      if (state.kind === 'open') return handle(frame)
      if (state.kind === 'waiting') {
        if (frame.type === 'handshake') return shakeHands(frame)
        return close(closeCodes.badHandshake, 'the first message must be a handshake')
      }
      if (state.frames.push(frame) > claimingFramesMax) close(closeCodes.policy, 'too many messages before the welcome')
    },
    command(command) {
      if (state.kind === 'open') state.runs.command(command)
    },
    openRuns: () => (state.kind === 'open' ? state.runs.keys() : []),
    close,
    closed: leave,
    settled: () => (state.kind === 'closed' ? state.settled : Promise.resolve()),
  }
}
