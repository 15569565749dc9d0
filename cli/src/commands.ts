import { attach } from '#commands/attach'
import { cancel } from '#commands/cancel'
import { completion, completionCandidates } from '#commands/completion'
import { restartDaemon } from '#commands/daemon-restart'
import { startDaemon } from '#commands/daemon-start'
import { stopDaemon } from '#commands/daemon-stop'
import { doctor } from '#commands/doctor'
import { help } from '#commands/help'
import { log } from '#commands/log'
import { logs } from '#commands/logs'
import { mcp } from '#commands/mcp'
import { addPlugin } from '#commands/plugins/add'
import { allowPlugin } from '#commands/plugins/allow'
import { devPlugin } from '#commands/plugins/dev'
import { disablePlugin } from '#commands/plugins/disable'
import { enablePlugin } from '#commands/plugins/enable'
import { plugins, pluginsList } from '#commands/plugins/list'
import { pluginLogs } from '#commands/plugins/logs'
import { newPlugin } from '#commands/plugins/new'
import { reloadPlugins } from '#commands/plugins/reload'
import { removePlugin } from '#commands/plugins/remove'
import { trustPlugins, untrustPlugins } from '#commands/plugins/trust'
import { resume } from '#commands/resume'
import { run } from '#commands/run'
import { runs } from '#commands/runs'
import { installService, serviceStatus, uninstallService } from '#commands/service'
import { status } from '#commands/status'
import { tools } from '#commands/tools'
import { callTool } from '#commands/tools-call'
import { showVersion } from '#commands/version'
import type { Command } from '#commands/command'

/** Everything codegen can be told to do, in the order of its help. A command is one file and one line here. */
export const commands: readonly Command[] = [
  run,
  resume,
  runs,
  log,
  attach,
  cancel,
  status,
  doctor,
  logs,
  tools,
  callTool,
  mcp,
  plugins,
  pluginsList,
  newPlugin,
  devPlugin,
  addPlugin,
  removePlugin,
  allowPlugin,
  enablePlugin,
  disablePlugin,
  reloadPlugins,
  pluginLogs,
  trustPlugins,
  untrustPlugins,
  startDaemon,
  stopDaemon,
  restartDaemon,
  installService,
  uninstallService,
  serviceStatus,
  completion,
  completionCandidates,
  help,
  showVersion,
]
