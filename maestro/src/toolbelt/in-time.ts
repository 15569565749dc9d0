import { createContext, Script } from 'node:vm'
import { limits } from '#limits'

const script = new Script('work()')

/** What `work` returns. It is broken off, even inside a pattern, and this throws, when it takes longer than limits.argumentCheckMsMax. It must not wait for anything. */
export function inTime<Result>(work: () => Result): Result {
  let done: { readonly result: Result } | undefined
  const context = createContext({
    work: () => {
      done = { result: work() }
    },
  })
  script.runInContext(context, { timeout: limits.argumentCheckMsMax })
  if (!done) throw new Error('The work was not done.')
  return done.result
}
