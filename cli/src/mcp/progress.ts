import type { ServerContext } from '@modelcontextprotocol/server'
import { createControlStripper } from '#render/strip-controls'

/** What a call prints, told to a client as it comes. */
export type Progress = {
  tell(chunk: string): void
  /** Resolves when all of it has left: nothing may follow the answer of the request. */
  sent(): Promise<void>
}

/** Tells a client that gave a token; the count of characters is how far it is. Without a token nothing is told. */
export function createProgress({ _meta, notify }: ServerContext['mcpReq']): Progress {
  const progressToken = _meta?.progressToken
  const stripper = createControlStripper()
  const leaving = new Set<Promise<void>>()
  let progress = 0

  return {
    tell(chunk) {
      const message = progressToken === undefined ? '' : stripper.push(chunk)
      if (progressToken === undefined || message === '') return
      progress += message.length
      const one = notify({ method: 'notifications/progress', params: { progressToken, progress, message } })
        // A client that has left hears no more of it; the end of the connection is seen elsewhere.
        .catch(() => undefined)
        .finally(() => leaving.delete(one))
      leaving.add(one)
    },
    async sent() {
      await Promise.all(leaving)
    },
  }
}
