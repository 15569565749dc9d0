import { Agent as HttpAgent, request as requestHttp } from 'node:http'
import type { AgentOptions, ProxyEnv } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { connect as connectTcp, isIP } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ModelBounds } from './answer.ts'
import { breakdownIn } from './breakdown.ts'
import { exchange } from './exchange.ts'

/**
 * Kept-alive connections to one server over Node's own client: with the global fetch a turn, the first request and the process' memory each cost
 * about half as much again, and idle connections live 4 s.
 */
export type Connection = {
  /**
   * A fetch for the `openai` client. Whatever is no whole 2xx answer is thrown as a Breakdown, with the server's words. A kept connection that
   * turns out dead is replaced without a word.
   */
  readonly fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>
  /** Opens a connection for the next request unless one is at hand. Never fails and never waits. */
  warm(): void
  close(): void
}

/** Opens nothing yet. `proxies` are the environment's proxy variables; an address of this machine is never asked through one. */
export function createConnection(address: URL, options: { bounds: ModelBounds; proxies: ProxyEnv }): Connection {
  const { bounds } = options
  const isProxied = hasProxy(options.proxies) && !isLoopback(address.hostname)
  const agent = createAgent(address, { bounds, proxies: isProxied ? options.proxies : undefined })
  const spare = createSpare(() => connectTo(address, bounds), bounds.spareSocketMsMax)
  const createFresh = agent.createConnection.bind(agent)
  agent.createConnection = (...given) => spare.take() ?? createFresh(...given)

  const request = address.protocol === 'https:' ? requestHttps : requestHttp
  const send = (url: string, init: RequestInit): Promise<Response> => exchange({ request, agent, url, init, bounds })
  // By the wall clock: the monotonic one stands still while the machine sleeps.
  let usedAt = Date.now()

  return {
    async fetch(input, init = {}) {
      const url = input instanceof Request ? input.url : String(input)
      if (Date.now() - usedAt > bounds.idleSocketMsMax) dropFree(agent)
      usedAt = Date.now()
      try {
        return await send(url, init)
      } catch (error) {
        const detail = breakdownIn(error)?.detail
        if (detail?.kind !== 'cut' || !detail.wasIdle) throw error
        dropFree(agent)
        return await send(url, init)
      } finally {
        usedAt = Date.now()
      }
    },
    warm() {
      if (!isProxied && Object.keys(agent.freeSockets).length === 0) spare.open()
    },
    close() {
      spare.drop()
      agent.destroy()
    },
  }
}

function createAgent(address: URL, of: { bounds: ModelBounds; proxies: ProxyEnv | undefined }): HttpAgent {
  const { bounds, proxies } = of
  const options: AgentOptions = {
    keepAlive: true,
    keepAliveMsecs: bounds.probeSocketMs,
    maxFreeSockets: bounds.freeSocketsMax,
    timeout: bounds.idleSocketMsMax,
    ...(proxies ? { proxyEnv: proxies } : {}),
  }
  return address.protocol === 'https:' ? new HttpsAgent(options) : new HttpAgent(options)
}

function dropFree(agent: HttpAgent): void {
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy()
}

function connectTo(address: URL, bounds: ModelBounds): Socket {
  const host = address.hostname.replaceAll(/^\[|\]$/g, '')
  const common = { host, noDelay: true, keepAlive: true, keepAliveInitialDelay: bounds.probeSocketMs }
  if (address.protocol !== 'https:') return connectTcp({ ...common, port: Number(address.port || 80) })
  const name = isIP(host) > 0 ? {} : { servername: host }
  return connectTls({ ...common, ...name, port: Number(address.port || 443), ALPNProtocols: ['http/1.1'] })
}

type Spare = { open(): void; take(): Socket | undefined; drop(): void }

/** At most one connection that waits for its request. It keeps no process alive and goes after its time. */
function createSpare(connect: () => Socket, msMax: number): Spare {
  let spare: Socket | undefined
  const drop = (): void => {
    spare?.destroy()
    spare = undefined
  }
  const onTrouble = (): void => drop()

  return {
    drop,
    open() {
      if (spare) return
      spare = connect().setTimeout(msMax).unref()
      for (const event of ['timeout', 'error', 'close']) spare.once(event, onTrouble)
    },
    take() {
      const socket = spare
      spare = undefined
      if (!socket) return undefined
      // Whoever speaks before he is asked has said that he closes.
      if (socket.destroyed || socket.readableLength > 0) {
        socket.destroy()
        return undefined
      }
      for (const event of ['timeout', 'error', 'close']) socket.off(event, onTrouble)
      return socket.setTimeout(0).ref()
    },
  }
}

function hasProxy(proxies: ProxyEnv): boolean {
  return [proxies.HTTPS_PROXY, proxies.HTTP_PROXY, proxies.https_proxy, proxies.http_proxy].some(Boolean)
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}
