import { join } from 'node:path'
import type { LoginService, ServicePlace } from './login-service.ts'
import { escapeXml } from './xml.ts'

const label = 'codegen.codegend'

/** A LaunchAgent of macOS. */
export function launchdService({ home, launcher, environment }: ServicePlace): LoginService {
  const file = join(environment['HOME'] ?? '/', 'Library', 'LaunchAgents', `${label}.plist`)
  const domain = `gui/${process.getuid?.() ?? 501}`
  return {
    kind: 'LaunchAgent',
    file,
    text: renderAgent(launcher, join(home, 'log', 'service.log')),
    commands: {
      available: ['launchctl', 'print', domain],
      enable: [['launchctl', 'enable', `${domain}/${label}`]],
      // An agent that is loaded already is started anew from the new file.
      start: [
        [
          '/bin/sh',
          '-c',
          `launchctl bootout ${domain}/${label} 2> /dev/null; launchctl bootstrap ${domain} "$1"`,
          'sh',
          file,
        ],
      ],
      disable: [['/bin/sh', '-c', `launchctl bootout ${domain}/${label} 2> /dev/null; true`]],
      forget: [],
      isEnabled: ['test', '-f', file],
      isRunning: ['launchctl', 'print', `${domain}/${label}`],
    },
    absent:
      'launchd does not answer for this user, so nothing can be started at login; log in at the screen and try again.',
    hints: [],
  }
}

function renderAgent(launcher: string, log: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${label}</string>
  <key>ProgramArguments</key>
  <array>
    <string>/bin/sh</string>
    <string>${escapeXml(launcher)}</string>
    <string>--take-over</string>
  </array>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>ThrottleInterval</key>
  <integer>10</integer>
  <key>ExitTimeOut</key>
  <integer>45</integer>
  <key>StandardErrorPath</key>
  <string>${escapeXml(log)}</string>
</dict>
</plist>
`
}
