import type { Markdown, ToMarkdown } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'

/** The contract is that of `ToMarkdown`. One page at a time is read in this process, in a thread that begins and ends with it. `signal` ends it. */
export function createToMarkdown(signal: AbortSignal, msMax: number = limits.pageMsMax): ToMarkdown {
  return async (html, options) => {
    const before = last
    const turn = Promise.withResolvers<void>()
    last = turn.promise
    try {
      await before
      signal.throwIfAborted()
      return await readInThread({ html, ...options }, signal, msMax)
    } finally {
      turn.resolve()
    }
  }
}

/** What the thread is given. */
export type UnreadPage = { readonly html: string; readonly baseUrl: string; readonly charactersMax: number }

let last: Promise<void> = Promise.resolve()

async function readInThread(page: UnreadPage, signal: AbortSignal, msMax: number): Promise<Markdown> {
  const { Worker } = await import('node:worker_threads')
  const { promise, resolve, reject } = Promise.withResolvers<Markdown>()
  const worker = new Worker(new URL(import.meta.resolve('#markdown-worker')), {
    workerData: page,
    env: {},
    stdout: true,
    stderr: true,
    resourceLimits: {
      maxOldGenerationSizeMb: limits.pageMemoryMbMax,
      maxYoungGenerationSizeMb: limits.pageYoungMemoryMbMax,
    },
  })
  const late = setTimeout(() => reject(unreadable(`not within ${msMax} ms`)), msMax)
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  worker.once('message', resolve)
  worker.once('error', (error) => reject(unreadable(reasonOf(error), error)))
  worker.once('exit', () => reject(unreadable('the thread that read it ended')))
  try {
    return await promise
  } finally {
    clearTimeout(late)
    signal.removeEventListener('abort', onAbort)
    await worker.terminate()
  }
}

function reasonOf(error: unknown): string {
  const isTooBig = error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY'
  if (isTooBig) return `not within ${limits.pageMemoryMbMax} MB of memory`
  return error instanceof RangeError ? 'it is nested too deep' : 'its markup cannot be understood'
}

function unreadable(reason: string, cause?: unknown): Failure {
  const message = `The page could not be turned into Markdown: ${reason}. Use Shell with curl to get at its source.`
  return new Failure('fetch.unreadable', message, { cause })
}
