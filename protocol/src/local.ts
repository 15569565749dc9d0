import type { Static } from 'typebox'
import { ApprovalList, ApprovalRequest, ApprovalRespond } from '#local/approval'
import { DaemonHandOver, DaemonShutdown, DaemonStatus } from '#local/daemon'
import { DaemonDoctor } from '#local/doctor'
import { LogsTail } from '#local/logs'
import { Initialize } from '#local/initialize'
import type { MethodTypes } from '#local/method'
import {
  ApprovalResolvedNotification,
  CancelRequestNotification,
  LogLineNotification,
  PluginDevNewsNotification,
  PluginLogLineNotification,
  RunEventNotification,
  RunFinishedNotification,
  ToolOutputNotification,
  ToolsChangedNotification,
} from '#local/notifications'
import {
  PluginsAllow,
  PluginsCheck,
  PluginsDev,
  PluginsDevAllow,
  PluginsDisable,
  PluginsEnable,
  PluginsList,
  PluginsLogs,
  PluginsReload,
  PluginsRemove,
  PluginsTrust,
  PluginsUntrust,
} from '#local/plugins'
import { RunAttach, RunCancel, RunDetach, RunGet, RunInputMethod, RunList, RunStart } from '#local/run'
import { ToolsCall, ToolsList } from '#local/tools'

export type { ApprovalQuestion } from '#local/approval'
export type { LogLevel, LogLine } from '#local/logs'
export type { PluginDevNews, PluginLogLine } from '#local/plugins'
export type { Method } from '#local/method'

/** Every request a client may make of codegend. */
export const daemonMethods = [
  Initialize,
  DaemonStatus,
  DaemonHandOver,
  DaemonShutdown,
  DaemonDoctor,
  LogsTail,
  RunStart,
  RunAttach,
  RunDetach,
  RunList,
  RunGet,
  RunCancel,
  RunInputMethod,
  ToolsList,
  ToolsCall,
  PluginsList,
  PluginsAllow,
  PluginsEnable,
  PluginsDisable,
  PluginsReload,
  PluginsCheck,
  PluginsRemove,
  PluginsLogs,
  PluginsDev,
  PluginsDevAllow,
  PluginsTrust,
  PluginsUntrust,
  ApprovalList,
  ApprovalRespond,
] as const
export type DaemonMethods = MethodTypes<typeof daemonMethods>

/** Every request codegend may make of a client. */
export const clientMethods = [ApprovalRequest] as const
export type ClientMethods = MethodTypes<typeof clientMethods>

/** Every notification of the local socket. */
export const notifications = [
  RunEventNotification,
  RunFinishedNotification,
  ApprovalResolvedNotification,
  CancelRequestNotification,
  LogLineNotification,
  PluginLogLineNotification,
  PluginDevNewsNotification,
  ToolOutputNotification,
  ToolsChangedNotification,
] as const
export type Notifications = {
  [N in (typeof notifications)[number] as N['method']]: Static<N['parameters']>
}
