import { readFileSync } from 'node:fs'

/** How many bytes this process reads meanwhile, from files and whatever else; undefined where the system does not count them. */
export async function bytesReadBy(work: () => Promise<unknown>): Promise<number | undefined> {
  const before = bytesRead()
  await work()
  const after = bytesRead()
  return before === undefined || after === undefined ? undefined : after - before
}

function bytesRead(): number | undefined {
  try {
    return Number(/^rchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])
  } catch {
    return undefined
  }
}
