import type { Environment } from '#config'
import { runCommand } from './run-command.ts'

/**
 * Tells systemd, where it started this process beside the one it watches, to watch this one from now on. Answers why it does not; undefined where it does, and where
 * there is none to tell.
 */
export async function becomeMainProcess(environment: Environment): Promise<string | undefined> {
  if (!environment['NOTIFY_SOCKET']) return undefined
  const { isDone, complaint } = await runCommand(['systemd-notify', `MAINPID=${process.pid}`], environment)
  return isDone ? undefined : complaint
}
