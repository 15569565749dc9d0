import { Failure } from '@codegen/protocol/failure'

/** What a promise settles with, or tool.timeout after some milliseconds: a file system that is gone may never answer. */
export async function within<Value>(promise: Promise<Value>, milliseconds: number): Promise<Value> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    reject(new Failure('tool.timeout', `The files of this call did not answer within ${milliseconds} ms.`))
  }, milliseconds)
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
