#!/usr/bin/env node
'use strict'
if (Number.parseInt(process.versions.node, 10) < 24) {
  process.stderr.write(
    `codegen: This is Node ${process.versions.node} and codegen needs 24 or newer; in a checkout \`npx codegen\` uses the right one.\n`,
  )
  process.exit(2)
}
// Beside the bundle, where nobody else may write: what is found there is run.
require('node:module').enableCompileCache(require('node:path').join(__dirname, '../dist/compile-cache'))
require('../dist/codegen.cjs')
