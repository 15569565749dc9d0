import { commandGroups } from '#commands/command'
import type { Command } from '#commands/command'
import { renderCommandHelp, toUsage } from '#commands/help'

/** `docs/commands.md`: the help of every command, as a page. */
export function renderCommandsPage(commands: readonly Command[]): string {
  const groups = commandGroups.map((group) => {
    const members = commands.filter((command) => command.group === group && !command.isHidden)
    return [`## ${group}\n`, ...members.map(renderSection)].join('\n')
  })
  return [introduction, ...groups].join('\n')
}

const introduction = `# The commands of codegen

Written by \`npm run commands-page\` from the table that parsing, help and completion are made of (\`cli/src/commands.ts\`); not to be edited here.
What \`--json\` prints is in [json.md](json.md).

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a limit or time-out, 4 codegend or Maestro cannot be reached, 5 a call was denied for want of a terminal,
130 interrupted.
`

function renderSection(command: Command): string {
  return `### \`${toUsage(command)}\`\n\n\`\`\`\n${renderCommandHelp(command).trimEnd()}\n\`\`\`\n`
}
