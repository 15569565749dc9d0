// Bundles the CLI into one CommonJS file: loading one small script is what keeps `codegen` near the start-up time of Node itself.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const { version } = JSON.parse(readFileSync(new URL('./package.json', import.meta.url), 'utf8'))

await build({
  entryPoints: [fileURLToPath(new URL('./src/main.ts', import.meta.url))],
  outfile: process.argv[2] ?? fileURLToPath(new URL('./dist/codegen.cjs', import.meta.url)),
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  minify: true,
  conditions: ['codegen-source'],
  legalComments: 'none',
  logLevel: 'warning',
  define: {
    'import.meta.dirname': '__dirname',
    'process.env.CODEGEN_BUNDLED_VERSION': JSON.stringify(version),
  },
})
