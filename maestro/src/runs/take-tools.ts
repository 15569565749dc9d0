import { toToolbeltEntry, toToolsText } from './toolbelt-entry.ts'
import type { Drive } from './drive.ts'

/** Puts the tools of its executor on record, where they are not those that the run's model was last told of: the next request tells it. */
export function takeTools(drive: Drive): void {
  const { run, toolbelt, dialect, key } = drive
  if (drive.recordedToolbelt === toolbelt || run.offered === undefined) return
  const tools = toToolsText(dialect, toolbelt)
  drive.recordedToolbelt = toolbelt
  if (tools.digest === run.offered.tools_digest) return
  drive.stage([
    toToolbeltEntry(key.generationId, { systemDigest: run.offered.system_digest, tools, toolbelt, texts: [tools] }),
  ])
}
