import { Failure } from '@codegen/protocol/failure'
import type { Call, Result } from '#local/call'

/** Learns who the client is. Refuses one whose version is not made for this one's, naming both and what to do. */
export function initialize({ client, parameters, version }: Call<'initialize'>): Result<'initialize'> {
  if (client.introduction) throw new Failure('request.malformed', 'This connection is initialized already.')
  const { kind, pid } = parameters.client
  // Another codegend only asks who is here.
  if (kind !== 'codegend' && toRelease(parameters.version) !== toRelease(version)) {
    client.mayOnlyStop = true
    throw new Failure(
      'client.version',
      `${kind} is version ${parameters.version} and the codegend that runs is ${version}; replace that one with: codegen daemon restart`,
    )
  }
  client.introduction = {
    name: pid === undefined ? kind : `${kind} (pid ${pid})`,
    answersApprovals: parameters.can_answer_approvals ?? false,
  }
  return { version, pid: process.pid }
}

/** Versions that differ only in their last number work together. */
function toRelease(version: string): string {
  return version.split('.').slice(0, 2).join('.')
}
