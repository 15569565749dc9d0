#!/usr/bin/env node
// Says in one sentence what is missing before anything newer than this file is read.
if (Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write(
    `maestro: this needs Node 24 or newer, not ${process.version}; in a checkout, npx maestro uses the right one.\n`,
  )
  process.exit(2)
}
const { runMaestro } = await import('@codegen/maestro')
// The exit is explicit: a handle that somebody forgot must not keep a stopped server alive.
process.exit(await runMaestro(process.argv.slice(2), process.env))
