import { Failure } from '@codegen/protocol/failure'
import { closeCodes } from '@codegen/protocol/wire'
import type { ExecutorFrame, Subscribe } from '@codegen/protocol/wire'
import type { Drive } from '#runs/drive'
import { driveRun } from '#runs/loop'
import type { Hands, RunKey, Toolbelt } from '#runs/ports'
import { createToolbelt } from '#toolbelt/toolbelt'
import type { ConnectionPorts } from './connection.ts'
import { createHands, createSeedHands } from './hands.ts'
import type { SeedHands } from './hands.ts'
import type { Greeted } from './handshake.ts'
import type { InboxCommand } from './ports.ts'
import { resumeRun } from './resume-run.ts'

type Delivery = Extract<
  ExecutorFrame,
  { type: 'tool_result' | 'tool_output_delta' | 'approval_requested' | 'approval_resolved' }
>

/** The runs that one connection owns: it drives them, and brings them what their executor sends. */
export type OwnedRuns = {
  readonly hands: Hands
  readonly toolbelt: Toolbelt
  /** Goes on with the runs that were claimed. */
  takeOver(): void
  /** Drives a run from here on. */
  add(drive: Drive): void
  has(generationId: string): boolean
  keys(): RunKey[]
  deliver(frame: Delivery, tell: (failure: Failure, ref?: string) => void): void
  wrongResult(toolId: string, reason: string): void
  command(command: InboxCommand): void
  /** Lets go of all of them; resolves when each is parked. */
  releaseAll(): Promise<void>
}

type Owner = {
  close(code: number, reason: string): void
  subscribe(wanted: Subscribe): void
}

export function createOwnedRuns(ports: ConnectionPorts, greeted: Greeted, owner: Owner): OwnedRuns {
  const { teamId } = ports.principal
  const drives = new Map<string, Drive>()
  const driving = new Set<Promise<void>>()
  const toolbelt = createToolbelt(greeted.handshake)
  const seedHands = greeted.level === 0 ? seedHandsOf(ports, greeted, { drives, owner }) : undefined
  const hands = seedHands ?? createHands(ports.channel, greeted.journalId)

  const drive = async (started: Drive): Promise<void> => {
    const { generationId } = started.key
    try {
      await driveRun(started)
    } catch (thrown) {
      ports.warn(`The run ${generationId} cannot go on here.`, thrown)
      started.release()
    } finally {
      drives.delete(generationId)
    }
    if (started.run().outcome) return
    if (releasing) return parkRun(ports, started, greeted)
    // Not released and not ended: another replica owns it, or the log could not be written. Either way this connection owns nothing any more.
    owner.close(closeCodes.superseded, 'this replica does not own the executor any more')
  }
  const add = (started: Drive): void => {
    drives.set(started.key.generationId, started)
    owner.subscribe({ generation_id: started.key.generationId })
    const done = drive(started).finally(() => driving.delete(done))
    driving.add(done)
  }
  let releasing = false

  return {
    hands,
    toolbelt,
    add,
    has: (generationId) => drives.has(generationId),
    keys: () => [...drives.keys()].map((generationId) => ({ teamId, generationId })),
    takeOver() {
      for (const claimed of greeted.runs) {
        resumeRun(ports, { greeted, claimed, hands, toolbelt }).then(
          (resumed) => releasing || add(resumed),
          (thrown: unknown) => ports.warn(`The run ${claimed.generationId} cannot be read.`, thrown),
        )
      }
    },
    deliver(frame, tell) {
      const started = drives.get(frame.payload.generation_id)
      if (frame.type === 'tool_result') seedHands?.resultArrived(frame.payload.tool_id)
      if (started) return deliverTo(started, frame)
      if (frame.type === 'tool_output_delta') return
      refuseStray(ports, { frame, hands, tell, executorId: greeted.executorId })
    },
    wrongResult(toolId, reason) {
      const started = [...drives.values()].find((candidate) => candidate.run().openCalls.has(toolId))
      if (!started) return
      const error = { code: 'message.invalid', message: reason }
      const result = {
        tool_id: toolId,
        generation_id: started.key.generationId,
        status: 'error',
        result: reason,
        error,
      }
      started.mailbox.post({ kind: 'result', result })
      seedHands?.resultArrived(toolId)
    },
    command(command) {
      const { generationId, clientRef, reason, by } = command
      if (command.teamId === teamId) drives.get(generationId)?.mailbox.post({ kind: 'cancel', clientRef, reason, by })
    },
    async releaseAll() {
      releasing = true
      seedHands?.stop()
      for (const started of drives.values()) {
        if (greeted.level === 0) started.fail(lostSeedExecutor)
        started.mailbox.post({ kind: greeted.level === 0 ? 'lost' : 'release' })
      }
      await Promise.all(driving)
    },
  }
}

const lostSeedExecutor = {
  status: 'failed',
  error: { code: 'executor.offline', message: 'The executor went away before its run had ended.' },
} as const

function seedHandsOf(
  ports: ConnectionPorts,
  greeted: Greeted,
  of: { drives: Map<string, Drive>; owner: Owner },
): SeedHands {
  return createSeedHands({
    channel: ports.channel,
    journalId: greeted.journalId,
    onTimeout(call) {
      const { tool_id, generation_id } = call
      const result = 'No result came in time.'
      of.drives
        .get(generation_id)
        ?.mailbox.post({ kind: 'result', result: { tool_id, generation_id, status: 'timeout', result } })
    },
    onFinished: () => of.owner.close(closeCodes.done, 'the run has ended'),
  })
}

function deliverTo(drive: Drive, frame: Delivery): void {
  switch (frame.type) {
    case 'tool_result':
      return drive.mailbox.post({ kind: 'result', result: frame.payload })
    case 'approval_requested':
    case 'approval_resolved':
      return drive.mailbox.post({ kind: 'approval', fact: frame })
    case 'tool_output_delta':
      if (drive.run().openCalls.has(frame.payload.tool_id)) drive.outlet.decoration(frame)
  }
}

/**
 * A message for a run that is not open here. For a run of this executor that has ended it is a late repeat: acknowledged, so that it is not
 * sent for ever. For any other run it is refused, and that run never hears of it.
 */
function refuseStray(
  ports: ConnectionPorts,
  stray: { frame: Delivery; hands: Hands; tell: (failure: Failure, ref?: string) => void; executorId: string },
): void {
  const { frame, hands, tell, executorId } = stray
  const { generation_id, tool_id } = frame.payload
  const ref = `${frame.type}:${tool_id}`
  ports.store.isRunOf({ teamId: ports.principal.teamId, generationId: generation_id }, executorId).then(
    (isOwn) =>
      isOwn
        ? hands.stored(ref)
        : tell(new Failure('server.forbidden', `The run ${generation_id} is not one of this executor.`), ref),
    (thrown: unknown) => ports.warn('A stray message could not be judged.', thrown),
  )
}

async function parkRun(ports: ConnectionPorts, drive: Drive, greeted: Greeted): Promise<void> {
  await ports.store.park(drive.key, greeted.epoch).catch((thrown: unknown) => {
    ports.warn(`The run ${drive.key.generationId} could not be marked as waiting for its executor.`, thrown)
  })
}
