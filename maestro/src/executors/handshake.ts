import { Failure, toFailure } from '@codegen/protocol/failure'
import { limits as protocolLimits } from '@codegen/protocol/limits'
import { closeCodes, protocolVersion, serverFeatures } from '@codegen/protocol/wire'
import type { Handshake } from '@codegen/protocol/wire'
import { reach } from '#crash-points'
import { toFrameText } from './frames.ts'
import type { ConnectionPorts, ExecutorRecord, Greeted } from './ports.ts'
import { toToolNames, tooManyBytes } from './announced-tools.ts'
import { sendError } from './send-error.ts'

/**
 * Takes a handshake: claims the executor and its open runs for this connection, and welcomes an executor of level 1. Fails with
 * executor.superseded when a newer connection exists, server.forbidden when the id belongs to somebody else's token, client.version.
 */
export async function greet(ports: ConnectionPorts, handshake: Handshake): Promise<Greeted> {
  const { protocol } = handshake
  if (protocol && protocol.version !== protocolVersion) {
    const message = `This Maestro speaks protocol ${protocolVersion}, the executor ${protocol.version}; update the older of the two.`
    throw new Failure('client.version', message)
  }
  const tooBig = tooManyBytes(handshake)
  if (tooBig) throw tooBig
  const record = toRecord(ports, handshake)
  const claim = await ports.store.claim(record, handshake.executor?.epoch)
  reach('claimed')
  if (claim.kind === 'superseded') throw new SupersededFailure(claim.epoch)
  if (claim.kind === 'forbidden') {
    throw new Failure('server.forbidden', `The executor id ${record.executorId} belongs to another token.`)
  }
  const greeted = {
    level: record.level,
    executorId: record.executorId,
    executorKey: `${record.teamId}/${record.executorId}`,
    epoch: claim.epoch,
    journalId: record.journalId,
    handshake,
    runs: claim.runs,
  }
  if (record.level === 1) welcome(ports, greeted)
  reach('welcomed')
  return greeted
}

function toRecord(ports: ConnectionPorts, handshake: Handshake): ExecutorRecord {
  const { teamId, name: principal } = ports.principal
  const { executor } = handshake
  const tools = toToolNames(handshake)
  if (!handshake.protocol || !executor) {
    const executorId = `seed-${ports.brain.mintId()}`
    const unnamed = { version: '', os: '', arch: '' }
    return {
      teamId,
      executorId,
      principal,
      level: 0,
      journalId: executorId,
      name: handshake.client_type,
      ...unnamed,
      tools,
    }
  }
  const { id, journal_id, name, version, os, arch } = executor
  return { teamId, executorId: id, principal, level: 1, journalId: journal_id, name, version, os, arch, tools }
}

function welcome(ports: ConnectionPorts, greeted: Greeted): void {
  ports.channel.send(
    toFrameText({
      type: 'welcome',
      payload: {
        protocol: protocolVersion,
        executor_id: greeted.executorId,
        epoch: greeted.epoch,
        server: ports.server,
        features: [...serverFeatures],
        heartbeat_ms: protocolLimits.heartbeatMs,
        limits: { max_message_bytes: protocolLimits.messageBytesMax },
        runs: greeted.runs.map((run) => ({
          generation_id: run.generationId,
          session_id: run.sessionId,
          status: 'running',
          client_ref: run.clientRef,
        })),
      },
    }),
  )
}

class SupersededFailure extends Failure {
  readonly epoch: number

  constructor(epoch: number) {
    super('executor.superseded', `A newer connection of this executor exists; the epoch in force is ${epoch}.`)
    this.epoch = epoch
  }
}

/** Says why a handshake was not taken, and closes with the code for it; an executor of level 0 knows no `error` and reads the close. */
export function refuseHandshake(
  ports: ConnectionPorts,
  thrown: unknown,
  connection: { readonly isSeed: boolean; close(code: number, reason: string): void },
): void {
  const failure = toFailure(thrown)
  if (failure.code === 'internal') ports.warn('A handshake failed.', thrown)
  const epoch = failure instanceof SupersededFailure ? { epoch: failure.epoch } : {}
  if (!connection.isSeed) sendError(ports.channel, failure, { fatal: true, ...epoch })
  connection.close(closeCodeOf(failure), failure.message)
}

function closeCodeOf(failure: Failure): number {
  if (failure.code === 'executor.superseded') return closeCodes.superseded
  if (failure.code === 'server.forbidden') return closeCodes.forbidden
  if (failure.code === 'client.version') return closeCodes.version
  return failure.retryable ? closeCodes.restart : closeCodes.badHandshake
}
