import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { boundedFetch } from './bounded-fetch.ts'
import type { Channel } from './channel.ts'
import type { HttpLaunch } from './to-launch.ts'

/** Dials a server over streamable HTTP: nowhere but where its owner wrote, since a redirect to another host is not followed. */
export function openHttpChannel({ url, headers }: HttpLaunch): Channel {
  const transport = new StreamableHTTPClientTransport(url, {
    fetch: boundedFetch,
    redirectPolicy: 'same-origin',
    requestInit: { headers: { ...headers } },
  })
  const { promise: gone, resolve } = Promise.withResolvers<string>()
  let isEnding = false
  return {
    transport,
    complaint: () => '',
    end() {
      if (isEnding) return
      isEnding = true
      leave(transport)
        .catch(() => undefined)
        .then(() => resolve('the connection ended'))
        .catch(() => undefined)
    },
    gone,
  }
}

/** The server may forget the session; one that cannot be told has to find out. */
async function leave(transport: StreamableHTTPClientTransport): Promise<void> {
  const told = transport.terminateSession().catch(() => undefined)
  await Promise.race([told, new Promise((resolve) => setTimeout(resolve, leaveMsMax).unref())])
  await transport.close().catch(() => undefined)
}

const leaveMsMax = 1_000
