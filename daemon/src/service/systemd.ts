import { isAbsolute, join } from 'node:path'
import type { LoginService, ServicePlace } from './login-service.ts'

const unit = 'codegend.service'

/** A unit of the user's own systemd. */
export function systemdService({ launcher, environment }: ServicePlace): LoginService {
  const systemctl = (...words: string[]): [string, ...string[]] => ['systemctl', '--user', ...words]
  const user = environment['USER'] || '$USER'
  return {
    kind: 'systemd user unit',
    file: join(configFolder(environment), 'systemd', 'user', unit),
    text: renderUnit(launcher),
    commands: {
      available: systemctl('show-environment'),
      enable: [systemctl('daemon-reload'), systemctl('enable', unit)],
      start: [systemctl('restart', unit)],
      restart: [systemctl('reload-or-restart', unit)],
      disable: [systemctl('disable', '--now', unit)],
      forget: [systemctl('daemon-reload')],
      isEnabled: systemctl('is-enabled', '--quiet', unit),
      isRunning: systemctl('is-active', '--quiet', unit),
    },
    absent:
      'There is no systemd for this user here (as in most containers), so nothing can be started at login; the first prompt starts codegend, or run it in the foreground with: codegend',
    hints: [`To keep it running while you are logged out: loginctl enable-linger ${user}`],
  }
}

/**
 * A reload starts a codegend that takes over and names itself as the unit's main process; the old one finishes its calls beside it. `process`: codegend alone is asked
 * to leave. It ends its Maestro and Postgres itself, and finishes its calls for a while; one that has handed over goes on. A command that runs out of memory
 * does not take codegend with it.
 */
function renderUnit(launcher: string): string {
  return `# Written by "codegen service install", removed by "codegen service uninstall".
[Unit]
Description=codegend, the hands of CodeGen
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
ExecStart=/bin/sh ${quote(launcher)} --take-over
ExecReload=/bin/sh ${quote(launcher)} --reload
NotifyAccess=all
Restart=on-failure
RestartSec=5
RestartPreventExitStatus=2 78
KillMode=process
TimeoutStopSec=45
OOMPolicy=continue

[Install]
WantedBy=default.target
`
}

/** One argument of ExecStart: quotes and backslashes escaped as in C, and nothing of it a specifier or a variable. */
function quote(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%').replaceAll('$', '$$$$')
  return `"${escaped}"`
}

function configFolder(environment: ServicePlace['environment']): string {
  const given = environment['XDG_CONFIG_HOME']
  return given && isAbsolute(given) ? given : join(environment['HOME'] ?? '/', '.config')
}
