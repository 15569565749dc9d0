#!/usr/bin/env node
const [major] = process.versions.node.split('.')
if (Number(major) < 24) {
  process.stderr.write(
    `codegend: this needs Node 24 or newer, not ${process.version}; in a checkout, npx codegend uses the right one.\n`,
  )
  process.exit(2)
}
const { main } = await import('@codegen/daemon')
process.exit(await main(process.argv.slice(2)))
