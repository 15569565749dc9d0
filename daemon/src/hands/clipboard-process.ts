import { text } from 'node:stream/consumers'
import clipboard from 'clipboardy'
import { limits } from '#limits'

// The program behind `createClipboard`: `read` prints the clipboard, `write` replaces it with what comes in. Its first line on stderr says that
// it is ready, the next why it failed. It never outlives codegend by much.
process.stderr.write('\n')
setTimeout(() => process.exit(1), limits.clipboardMsMax + 1_000).unref()

try {
  if (process.argv[2] === 'read') process.stdout.write(await clipboard.read())
  else await clipboard.write(await text(process.stdin))
} catch (error) {
  process.stderr.write(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
