import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { defineConfig } from 'oxlint'
import { layers } from './layers.ts'
import type { Layer } from './layers.ts'

const root = import.meta.dirname
const packageNames = new Map(
  Object.keys(layers)
    .flatMap(packageFolders)
    .map((folder) => [folder, packageName(folder)]),
)

// What a built-in may still take of Node: words and bytes, no files, processes or network. Those come with its context.
const harmless = new Set(['buffer', 'path', 'path/posix', 'string_decoder', 'url', 'util', 'util/types'])
const handsOfNode = builtinModules.filter((name) => !harmless.has(name)).flatMap((name) => [name, `node:${name}`])
const handsElsewhere = ['execa', 'undici', 'ws', 'clipboardy', 'write-file-atomic', 'pino']

// For files directly in `src/`: what they enter by path would pass the table unseen.
const folderBans: Ban[] = [{ regex: '^\\./.*/', message: 'Enter a folder by name: "#folder/file".' }]
const testBans: Ban[] = [
  { regex: '/(test|fake)-[^/]*$|^@codegen/kit/harness$', message: 'This is there for tests alone.' },
]

// Where `any` comes in from outside and a wrong guess shows at once: tests, and what the type checker does not read.
const untyped = {
  'typescript/no-unsafe-argument': 'off',
  'typescript/no-unsafe-assignment': 'off',
  'typescript/no-unsafe-call': 'off',
  'typescript/no-unsafe-member-access': 'off',
  'typescript/no-unsafe-return': 'off',
} as const

export default defineConfig({
  plugins: ['eslint', 'typescript', 'unicorn', 'oxc', 'import', 'promise', 'node'],
  categories: { correctness: 'error', suspicious: 'error' },
  // What `plugins new` writes stands beside a kit that is not there before.
  ignorePatterns: ['**/node_modules', '**/dist', 'e2e/fixtures', 'plugins/kit/templates'],
  options: { typeAware: true, denyWarnings: true, reportUnusedDisableDirectives: 'error' },
  rules: {
    // Promises.
    'typescript/no-floating-promises': [
      'error',
      // tap itself waits for a subtest.
      {
        ignoreVoid: false,
        allowForKnownSafePromises: [{ from: 'package', package: '@tapjs/core', name: 'PromiseWithSubtest' }],
      },
    ],
    'typescript/no-misused-promises': 'error',
    'typescript/await-thenable': 'error',
    'typescript/return-await': ['error', 'error-handling-correctness-only'],
    // What was caught, or is an AbortSignal's reason, may be passed on.
    'typescript/only-throw-error': ['error', { allowThrowingAny: true, allowThrowingUnknown: true }],
    'typescript/prefer-promise-reject-errors': ['error', { allowThrowingAny: true, allowThrowingUnknown: true }],

    // Types.
    'typescript/no-explicit-any': 'error',
    'typescript/no-non-null-assertion': 'error',
    'typescript/consistent-type-assertions': ['error', { assertionStyle: 'never' }],
    'typescript/no-unsafe-type-assertion': 'off', // The rule above has it already.
    'typescript/consistent-type-imports': ['error', { disallowTypeAnnotations: true }],
    'typescript/no-unsafe-argument': 'error',
    'typescript/no-unsafe-assignment': 'error',
    'typescript/no-unsafe-call': 'error',
    'typescript/no-unsafe-member-access': 'error',
    'typescript/no-unsafe-return': 'error',
    'typescript/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    'typescript/ban-ts-comment': 'error',
    'typescript/no-deprecated': 'error',

    // Modules.
    'import/no-cycle': ['error', { ignoreTypes: false }],
    'import/no-default-export': 'error',
    'import/no-named-as-default-member': 'off', // `fc.string()` and `OpenAI.APIError` are how those libraries are meant to be read.
    'oxc/no-barrel-file': ['error', { threshold: 0 }], // Counts `export *` alone.
    'unicorn/prefer-node-protocol': 'error',
    'unicorn/filename-case': ['error', { case: 'kebabCase' }],

    // Size.
    'max-lines': ['error', 300],
    'max-lines-per-function': ['error', 60],
    'max-params': ['error', 3],
    'max-depth': ['error', 3],
    complexity: ['error', { max: 15, variant: 'modified' }],

    // The rest.
    eqeqeq: 'error',
    'no-console': 'error',
    'no-else-return': 'error',
    'no-param-reassign': 'error',
    'no-unmodified-loop-condition': 'off', // Does not see what a closure changes.
    'no-underscore-dangle': 'off',
    'no-var': 'error',
    'no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true }],
    'no-warning-comments': 'error',
    'prefer-const': 'error',
    'oxc/no-async-endpoint-handlers': 'off', // Is about Express.
    'promise/always-return': 'off',
    'promise/no-callback-in-promise': 'off',
    'typescript/consistent-return': 'off', // The compiler does this, and knows when a switch is exhaustive.
    'typescript/no-misused-spread': 'off', // By code point is what is meant.
    'typescript/no-redundant-type-constituents': 'off', // Takes `keyof Messages & string` for one.
    'typescript/unbound-method': 'off', // Objects here are made of closures.
    'unicorn/consistent-function-scoping': 'off',
    'unicorn/no-abusive-eslint-disable': 'error',
    'unicorn/no-useless-spread': 'off', // Takes a spread beside other elements for a needless one.
  },
  overrides: Object.entries(layers)
    .flatMap(([pattern, layer]) => packageFolders(pattern).flatMap((folder) => packageRules(folder, layer)))
    .concat([
      {
        files: ['protocol/src/**'],
        excludeFiles: testFiles('protocol/src'),
        rules: {
          // It also runs where there is no Node: what the time is and when to wake is handed in.
          'no-restricted-globals': ['error', 'Buffer', 'process', 'setImmediate', 'setInterval', 'setTimeout'],
        },
      },
      {
        files: ['plugins/*/src/**'],
        excludeFiles: ['plugins/kit/src/**', ...testFiles('plugins/*/src')],
        rules: { 'no-restricted-globals': ['error', 'EventSource', 'WebSocket', 'fetch', 'process'] },
      },
      {
        files: [
          ...testFiles('**'),
          'plugins/kit/src/harness.ts',
          'plugins/examples/*/kit/harness.ts',
          'e2e/**',
          'bench/**',
        ],
        rules: {
          'max-lines': ['error', 600],
          'max-lines-per-function': 'off',
          'max-params': ['error', 4],
          'no-shadow': 'off',
          'typescript/consistent-type-assertions': 'off',
          ...untyped,
        },
      },
      { files: ['**/*.mjs', '**/*.cjs', '*.config.ts'], rules: untyped },
      { files: ['**/bin/*'], rules: { 'import/no-unassigned-import': 'off' } },
      {
        files: ['cli/src/**', '*/src/main.ts', 'e2e/demo.ts', 'e2e/demo/**', 'bench/**'],
        rules: { 'no-console': 'off' },
      },
      {
        files: ['*.config.ts', 'plugins/*/src/*.ts', 'plugins/examples/*/plugin.ts'],
        rules: { 'import/no-default-export': 'off' },
      },
    ]),
})

type Overrides = NonNullable<Parameters<typeof defineConfig>[0]['overrides']>
type Ban = { regex: string; message: string; allowTypeImports?: boolean }

/** The import rules of one package: one entry for each file or folder of its `src/`. A later entry replaces an earlier one, so each is whole. */
function packageRules(folder: string, layer: Layer): Overrides {
  const source = `${folder}/src`
  const everywhere = [
    ...pathBans(),
    ...testBans,
    ...packageBans(folder, layer.packages),
    ...schemaBans(layer),
    ...nodeBans(folder),
  ]
  const rooms = roomsOf(folder, layer)

  return [
    imports([`${source}/*`], [...everywhere, ...folderBans]),
    ...layer.leaves.map((leaf) =>
      imports([`${source}/${leaf}.ts`], [...everywhere, ...folderBans, ...roomBans(rooms, layer.leaves)]),
    ),
    ...Object.entries(layer.files ?? {}).map(([file, { packages }]) =>
      imports(
        [`${source}/${file}.ts`],
        [...pathBans(), ...packageBans(folder, [...layer.packages, ...packages]), ...folderBans],
      ),
    ),
    ...Object.entries(layer.folders).map(([name, others]) =>
      imports(
        [`${source}/${name}/**`],
        [...everywhere, ...roomBans(rooms, [...layer.leaves, ...others, name]), ...libraryBans(layer, name)],
      ),
    ),
    // A test puts real parts together: it may use its whole package, and the scripted model.
    imports(testFiles(source), [...pathBans(), ...packageBans(folder, [...layer.packages, 'scripted-model'])]),
  ]
}

function imports(files: string[], patterns: Ban[]): Overrides[number] {
  return { files, rules: { 'no-restricted-imports': ['error', { patterns }] } }
}

/** Stay in a folder with `./file.ts`, leave it by name and without an extension. */
function pathBans(): Ban[] {
  return [
    { regex: '^\\.\\.', message: 'Leave a folder by name: "#folder/file".' },
    { regex: '^\\./.*[^.].\\.(js|mjs|cjs)$|^\\./[^.]*$', message: 'Name the source file: "./file.ts".' },
    { regex: '^#.*\\.[cm]?[jt]s$', message: 'A name carries no extension: "#folder/file".' },
  ]
}

function packageBans(folder: string, allowed: readonly string[]): Ban[] {
  const open = new Set(allowed.flatMap(packageFolders))
  open.delete(folder)
  const closed = [...packageNames].filter(([other]) => !open.has(other)).map(([, name]) => name)
  return [ban(closed, `layers.ts: ${folder} may import ${[...open].join(', ') || 'no other package of ours'}.`)]
}

/** Everything of the protocol that carries a schema may be imported by such a package as a type alone. */
function schemaBans({ typesOnlyBut, packages }: Layer): Ban[] {
  if (!typesOnlyBut) return []
  const entries = packages.flatMap(packageFolders).flatMap(packageEntries)
  const closed = entries.filter((entry) => !typesOnlyBut.includes(entry))
  const message = `layers.ts: as types alone, but ${typesOnlyBut.join(', ')}.`
  return [{ ...ban(closed, message), allowTypeImports: true }, ban(['typebox'], message)]
}

function nodeBans(folder: string): Ban[] {
  if (folder === 'protocol') {
    return [
      ban(
        builtinModules.flatMap((name) => [name, `node:${name}`]),
        'protocol runs anywhere: nothing of Node.',
      ),
    ]
  }
  if (!folder.startsWith('plugins/') || folder === 'plugins/kit') return []
  return [
    ban(
      [...handsOfNode, ...handsElsewhere],
      'A built-in reaches files, processes and the network through its context.',
    ),
  ]
}

function roomBans(rooms: readonly string[], allowed: readonly string[]): Ban[] {
  const closed = rooms.filter((room) => !allowed.includes(room)).map((room) => `#${room}`)
  return [ban(closed, `layers.ts: from here only ${allowed.map((room) => `#${room}`).join(', ') || 'nothing'}.`)]
}

function libraryBans({ libraries = {} }: Layer, folder: string): Ban[] {
  const closed = Object.entries(libraries).filter(([, folders]) => !folders.includes(folder))
  return [
    ban(
      closed.map(([name]) => name),
      'layers.ts: another folder of this package has this library.',
    ),
  ]
}

/** Refuses these modules and what lies below them. */
function ban(modules: readonly string[], message: string): Ban {
  const names = modules.map((name) => name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return { regex: names.length > 0 ? `^(${names.join('|')})(/.*)?$` : '^$', message }
}

function testFiles(folder: string): string[] {
  return [`${folder}/**/*.test.ts`, `${folder}/**/test-*.ts`, `${folder}/**/fake-*.ts`]
}

/** What is in a package's `src/`: folders and files, without extension. All folders must be in the table. */
function roomsOf(folder: string, layer: Layer): string[] {
  const source = join(root, folder, 'src')
  if (!existsSync(source)) return []
  const entries = readdirSync(source, { withFileTypes: true })
  const unknown = entries.find((entry) => entry.isDirectory() && !layer.folders[entry.name])
  if (unknown) throw new Error(`layers.ts does not say what ${folder}/src/${unknown.name}/ may import`)
  return entries.map((entry) => entry.name.replace(/\.ts$/, ''))
}

/** The folders of packages a name of the table stands for; one that has a line of its own is not meant by a `*`. */
function packageFolders(pattern: string): string[] {
  if (!pattern.includes('*')) return [pattern]
  return globSync(`${pattern}/package.json`, { cwd: root })
    .map((file) => file.replace(/\/package\.json$/, ''))
    .filter((folder) => !layers[folder])
    .toSorted()
}

function packageName(folder: string): string {
  return manifest(folder).name
}

function packageEntries(folder: string): string[] {
  const { name, exports } = manifest(folder)
  return Object.keys(exports).map((path) => join(name, path))
}

function manifest(folder: string): { name: string; exports: object } {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
}
