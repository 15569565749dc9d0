import { Failure } from '@codegen/protocol/failure'
import type { RpcMethod } from '@codegen/protocol/peer'
import type { Call, Result } from './call.ts'
import type { Client } from './client.ts'
import { tailLog } from './methods/logs.ts'
import { initialize } from './methods/initialize.ts'
import { attachRun, cancelRun, getRun, inputRun, listRuns, startRun } from './methods/run.ts'
import { allowDeveloped, developPlugin, listPlugins, tailPluginLog } from './methods/plugins.ts'
import { callTool } from './methods/tools.ts'
import { parseParameters } from './parse-parameters.ts'
import type { MethodName } from './parse-parameters.ts'
import type { LocalDaemon } from './ports.ts'

/** Every request of the local socket. */
const methods: { readonly [Name in MethodName]: (call: Call<Name>) => Result<Name> | Promise<Result<Name>> } = {
  initialize,
  'daemon/status': ({ daemon }) => daemon.status(),
  async 'daemon/hand-over'({ daemon, client }) {
    client.stayFor(client.closed)
    return daemon.handOver()
  },
  'daemon/shutdown'({ daemon }) {
    // The answer is written before anything that waits for an event.
    setImmediate(() => daemon.shutdown())
    return { pid: process.pid }
  },
  'daemon/doctor': async ({ daemon, signal }) => ({ checks: await daemon.doctor(signal) }),
  'logs/tail': tailLog,
  'run/start': startRun,
  'run/attach': attachRun,
  'run/detach'({ client, parameters }) {
    client.detach(parameters.generation_id)
    return {}
  },
  'run/list': listRuns,
  'run/get': getRun,
  'run/cancel': cancelRun,
  'run/input': inputRun,
  'tools/list': ({ daemon, parameters }) => ({ tools: daemon.tools(parameters.cwd) }),
  'tools/call': callTool,
  'plugins/list': listPlugins,
  'plugins/allow': async ({ daemon, parameters: { name, ...options } }) => ({
    plugin: await daemon.plugins.allow(name, options),
  }),
  'plugins/enable': async ({ daemon, parameters: { name, cwd } }) => ({
    plugin: await daemon.plugins.enable(name, cwd),
  }),
  'plugins/disable': async ({ daemon, parameters: { name, cwd } }) => ({
    plugin: await daemon.plugins.disable(name, cwd),
  }),
  'plugins/reload': async ({ daemon }) => ({ plugins: await daemon.plugins.reload() }),
  'plugins/check': ({ daemon, parameters }) => daemon.plugins.check(parameters.folder),
  'plugins/remove': ({ daemon, parameters }) => daemon.plugins.remove(parameters.name, parameters.with_data),
  'plugins/logs': tailPluginLog,
  'plugins/dev': developPlugin,
  'plugins/dev-allow': allowDeveloped,
  'plugins/trust': ({ daemon, parameters }) => daemon.plugins.trust(parameters.cwd),
  'plugins/untrust': ({ daemon, parameters }) => daemon.plugins.untrust(parameters.cwd),
  'approval/list': ({ daemon }) => ({ approvals: daemon.approvals.list() }),
  'approval/respond'({ daemon, client, parameters }) {
    daemon.approvals.respond(parameters.tool_id, parameters.option_id, client.introduction?.name ?? 'unknown')
    return {}
  },
}

/** The table as one client may use it: introduced first, parameters checked. */
export function methodsFor(
  client: Client,
  behind: { daemon: LocalDaemon; version: string },
): Record<string, RpcMethod> {
  const bound: Record<string, RpcMethod> = {}
  for (const name of methodNames()) bound[name] = bind(name, client, behind)
  return bound
}

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- it ties the parameters to their method
function bind<Name extends MethodName>(
  name: Name,
  client: Client,
  behind: { daemon: LocalDaemon; version: string },
): RpcMethod {
  return (parameters, { signal }) => {
    const isOpen = name === 'initialize' || (name === 'daemon/shutdown' && client.mayOnlyStop)
    if (!client.introduction && !isOpen) {
      throw new Failure('client.not_initialized', 'Send "initialize" first.')
    }
    return methods[name]({ ...behind, client, signal, parameters: parseParameters(name, parameters) })
  }
}

function methodNames(): MethodName[] {
  return Object.keys(methods).filter(isMethodName)
}

function isMethodName(name: string): name is MethodName {
  return Object.hasOwn(methods, name)
}
