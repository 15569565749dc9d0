import type { DaemonMethods } from '@codegen/protocol/local'
import { stripControls } from '#render/strip-controls'
import { toOneLine } from '#render/visible'
import { version } from '#version'
import type { RunSettings } from './settings.ts'

/** What a conversation begins with: at most three lines, each cut to the screen. */
export function renderBanner(
  { maestro }: DaemonMethods['daemon/status']['result'],
  settings: RunSettings,
  { home, columns }: { home: string; columns: number },
): string {
  const { cwd, mode } = settings
  const folder = cwd === home || cwd.startsWith(`${home}/`) ? `~${cwd.slice(home.length)}` : cwd
  const model = settings.model ?? maestro.model
  const trouble = maestro.error === undefined ? '' : `: ${maestro.error}`
  const server = `Maestro ${maestro.state}${maestro.own ? '' : ` (${maestro.url})`}${trouble}`
  const lines = [
    `codegen ${version}  ${folder}  ${mode}`,
    model === undefined ? server : `${server}, model ${model}`,
    '/help says what can be done here; Ctrl-D leaves',
  ]
  return lines.map((line) => `${toOneLine(stripControls(line), Math.max(20, columns - 1))}\n`).join('')
}
