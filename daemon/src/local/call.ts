import type { DaemonMethods } from '@codegen/protocol/local'
import type { Client } from './client.ts'
import type { MethodName } from './parse-parameters.ts'
import type { LocalDaemon } from './ports.ts'

/** What a method works with: the daemon behind it and who asks. */
export type Call<Name extends MethodName> = {
  readonly daemon: LocalDaemon
  readonly version: string
  readonly client: Client
  readonly parameters: DaemonMethods[Name]['parameters']
  readonly signal: AbortSignal
}

export type Result<Name extends MethodName> = DaemonMethods[Name]['result']
