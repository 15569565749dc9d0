/** `npm run commands-page` writes docs/commands.md from the table of commands. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { commands } from '#commands'
import { renderCommandsPage } from '#commands-page'

writeFileSync(join(import.meta.dirname, '../../docs/commands.md'), renderCommandsPage(commands))
