import type { LogLine } from '@codegen/protocol/local'
import { isWanted, toLogLine } from '#log-line'
import type { Call, Result } from '#local/call'

const linesDefault = 50

/** The newest lines of the log; to a client that follows, each later one. None is told twice or left out. */
export async function tailLog({ daemon, client, parameters }: Call<'logs/tail'>): Promise<Result<'logs/tail'>> {
  const { lines = linesDefault, follow = false, ...filter } = parameters
  const held: LogLine[] = []
  let isAnswered = false
  if (follow) {
    client.follow(
      daemon.logs.subscribe((text) => {
        const line = toLogLine(text)
        if (!line || !isWanted(line, filter)) return
        if (isAnswered) client.peer.notify('logs/line', line)
        else held.push(line)
      }),
    )
  }
  const last = await daemon.logs.last(lines, filter)
  // What was written while the files were read is in them or not; it comes once.
  const known = new Set(last.map((line) => JSON.stringify(line)))
  const missed = held.filter((line) => !known.has(JSON.stringify(line)))
  isAnswered = true
  return { lines: [...last, ...missed] }
}
