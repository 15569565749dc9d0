import { findRun } from '#postgres/find-run'
import { readStorage } from './config.ts'
import { forkRun } from './fork-run.ts'
import { openReplayStorage } from './replay-storage.ts'
import { parseReplayOptions, replayUsage } from './replay-options.ts'
import { verifyRun } from './verify-run.ts'

/** `maestro replay`: verifies a recorded run, or forks it. Answers with the exit code; fails as its parts do, in one sentence. */
export async function replay(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const options = parseReplayOptions(args)
  const print = (text: string): void => void process.stdout.write(text)
  // A reader who has seen enough may leave: the exit code is right all the same.
  process.stdout.on('error', () => undefined)
  if (options === 'help') {
    print(replayUsage)
    return 0
  }
  const { run, task, team, isJson, state } = options
  await using stack = new AsyncDisposableStack()
  const warn = (message: string): void => void process.stderr.write(`maestro: ${message}\n`)
  const database = await openReplayStorage(readStorage(state, env), warn, stack)
  const key = await findRun(database, run, team)
  const of = { database, key, isJson, print }
  return task.kind === 'verify' ? await verifyRun(of) : await forkRun({ ...of, from: task.from, model: task.model })
}
