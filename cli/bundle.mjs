// Bundles the CLI into one CommonJS file: loading one small script is what keeps `codegen` near the start-up time of Node itself. The conversation,
// the MCP server and what authors of plugins need are others beside it, loaded only where one is opened.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const { version } = JSON.parse(readFileSync(new URL('./package.json', import.meta.url), 'utf8'))
const outfile = process.argv[2] ?? fileURLToPath(new URL('./dist/codegen.cjs', import.meta.url))
const beside = [
  { entry: 'conversation/open-conversation', file: 'codegen-conversation.cjs' },
  { entry: 'mcp/serve-mcp', file: 'codegen-mcp.cjs' },
  { entry: 'author/author', file: 'codegen-author.cjs' },
]

const besideUs = {
  name: 'beside us',
  setup({ onResolve }) {
    for (const { entry, file } of beside)
      onResolve({ filter: new RegExp(`^#${entry}$`) }, () => ({ path: `./${file}`, external: true }))
  },
}

const options = {
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
}

const source = (file) => fileURLToPath(new URL(`./src/${file}`, import.meta.url))

await build({ ...options, entryPoints: [source('main.ts')], outfile, plugins: [besideUs] })
for (const { entry, file } of beside) {
  await build({ ...options, entryPoints: [source(`${entry}.ts`)], outfile: join(dirname(outfile), file) })
}
