import { join } from 'node:path'
import type { LoginService, ServicePlace } from './login-service.ts'
import { escapeXml } from './xml.ts'

const task = 'CodeGen\\codegend'

/** A task of Windows' scheduler. The launcher is a script for `sh`, which Git for Windows brings. */
export function windowsService({ home, launcher, environment }: ServicePlace): LoginService {
  const file = join(home, 'service', 'task.xml')
  const user = [environment['USERDOMAIN'], environment['USERNAME']].filter(Boolean).join('\\')
  return {
    kind: 'Windows task',
    file,
    text: renderTask(launcher, user),
    commands: {
      available: ['schtasks', '/Query', '/TN', '\\'],
      enable: [['schtasks', '/Create', '/F', '/TN', task, '/XML', file]],
      start: [['schtasks', '/Run', '/TN', task]],
      disable: [['schtasks', '/Delete', '/F', '/TN', task]],
      forget: [],
      isEnabled: ['schtasks', '/Query', '/TN', task],
      isRunning: ['schtasks', '/Query', '/TN', task],
    },
    absent: 'The task scheduler does not answer, so nothing can be started at login.',
    hints: [],
  }
}

function renderTask(launcher: string, user: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>codegend, the hands of CodeGen</Description>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <Enabled>true</Enabled>
      <UserId>${escapeXml(user)}</UserId>
    </LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>${escapeXml(user)}</UserId>
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>5</Count>
    </RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>sh</Command>
      <Arguments>"${escapeXml(launcher)}" --take-over</Arguments>
    </Exec>
  </Actions>
</Task>
`
}
