import { Type } from 'typebox'
import { LogLine } from './logs.ts'
import { PluginDevNews, PluginLogLine } from './plugins.ts'
import { ToolId } from '#ids'
import { RunEvent } from '#wire/run-event'
import { RunFinished } from '#wire/run-finished'
import { ToolOutput } from './tools.ts'

/** daemon -> client: one event of a run this client is attached to, as on the wire. */
export const RunEventNotification = { method: 'run/event', parameters: RunEvent.payload } as const

/** daemon -> client: the run is over; nothing of it follows. */
export const RunFinishedNotification = { method: 'run/finished', parameters: RunFinished.payload } as const

/** daemon -> client: a question was answered elsewhere or is void. */
export const ApprovalResolvedNotification = {
  method: 'approval/resolved',
  parameters: Type.Object({ tool_id: ToolId, outcome: Type.String(), by: Type.String() }),
} as const

/** daemon -> client: a line of the log, to a client that follows it. */
export const LogLineNotification = { method: 'logs/line', parameters: LogLine } as const

/** daemon -> client: a line of what a plugin said, to a client that follows it or develops it. */
export const PluginLogLineNotification = { method: 'plugins/log-line', parameters: PluginLogLine } as const

/** daemon -> client: what became of the plugin this client develops, or of a call of it. */
export const PluginDevNewsNotification = {
  method: 'plugins/dev-news',
  parameters: Type.Object({ news: PluginDevNews }),
} as const

/** daemon -> client: a piece of a tool call's output. */
export const ToolOutputNotification = { method: 'tools/output', parameters: ToolOutput } as const

/** daemon -> client: `tools/list` answers otherwise than it did. */
export const ToolsChangedNotification = { method: 'tools/changed', parameters: Type.Object({}) } as const

/** Either way: the request with this id need not be answered any more; it is answered with client.cancelled. */
export const CancelRequestNotification = {
  method: '$/cancelRequest',
  parameters: Type.Object({ id: Type.Union([Type.String(), Type.Number()]) }),
} as const
