import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import clipboard from 'clipboardy'
import { limits } from '#limits'

// The program behind `createClipboard`: `read` prints the clipboard, `write` replaces it with what comes in. Its first line on stderr says that
// it is ready, the next why it failed. It never outlives codegend by much.
process.stderr.write('\n')
setTimeout(() => process.exit(1), limits.clipboardMsMax + 1_000).unref()

try {
  if (process.argv[2] === 'read') process.stdout.write(await clipboard.read())
  else await write(await text(process.stdin))
} catch (error) {
  process.stderr.write(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}

/** On Linux the program that holds the text says it is done before it holds it; whoever reads next is to find what was written. */
async function write(content: string): Promise<void> {
  await clipboard.write(content)
  if (process.platform !== 'linux') return
  const until = performance.now() + limits.clipboardSettleMsMax
  while (performance.now() < until && (await clipboard.read()) !== content) await delay(20)
}
