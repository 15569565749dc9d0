import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import type { SeenAnswer, SeenRequest } from './seen-requests.ts'

/** A file with one JSON line for each request and one for each answer, for tests and benchmarks in other processes. */
export type RequestLog = {
  request(request: SeenRequest): void
  answer(answer: SeenAnswer): void
  /** Resolves when every line is in the file. */
  close(): Promise<void>
}

/** Opens the file for appending, 0600. Fails when it cannot be opened. */
export async function openRequestLog(path: string): Promise<RequestLog> {
  const file = createWriteStream(path, { flags: 'a', mode: 0o600 })
  await once(file, 'open')
  const write = (line: object) => {
    // An answer cut by the server's stop ends after the file.
    if (!file.writableEnded) file.write(`${JSON.stringify(line)}\n`)
  }
  return {
    request: (request) => write({ event: 'request', ...request }),
    answer: (answer) => write({ event: 'answer', ...answer }),
    close: () => new Promise((resolve) => file.end(resolve)),
  }
}
