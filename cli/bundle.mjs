// Bundles the CLI into one CommonJS file: loading one small script is what keeps `codegen` near the start-up time of Node itself.
import { build } from 'esbuild'
import { fileURLToPath } from 'node:url'

await build({
  entryPoints: [fileURLToPath(new URL('./src/main.ts', import.meta.url))],
  outfile: fileURLToPath(new URL('./dist/codegen.cjs', import.meta.url)),
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  minify: true,
  conditions: ['codegen-source'],
  legalComments: 'none',
})
