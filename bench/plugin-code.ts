/** What every plugin of the benchmark asks for: little, so that one yes holds for all its versions. */
export function toManifest(name: string): string {
  const codegen = { api: 1, main: './plugin.js', permissions: { read: ['workspace'] } }
  return JSON.stringify({ name, version: '1.0.0', type: 'module', codegen })
}

/** The tools of a plugin: its name with a capital is the prefix of all of them. */
export function toToolNames(name: string): { cwd: string; version: string; slow: string } {
  const prefix = name.charAt(0).toUpperCase() + name.slice(1)
  return { cwd: `${prefix}Cwd`, version: `${prefix}Version`, slow: `${prefix}Slow` }
}

/** A good version of a plugin. `more` is code that runs when it is loaded. */
export function toCode(name: string, version: number, more = ''): string {
  const tools = toToolNames(name)
  return `// ${version}
const base = { description: 'For the benchmark.', annotations: { readOnly: true }, parameters: { type: 'object' } }
${more}
export default {
  tools: [
    { ...base, name: '${tools.cwd}', run: (_parameters, context) => context.cwd },
    { ...base, name: '${tools.version}', run: () => 'version ${version}.' },
    {
      ...base,
      name: '${tools.slow}',
      run: async ({ ms }) => {
        await new Promise((resolve) => setTimeout(resolve, ms))
        return 'version ${version}.'
      },
    },
  ],
}
`
}

/** A version that is broken. */
export function toBrokenCode(version: number): string {
  return `// ${version}\nconst a = = 1\n`
}

/** Code that keeps a process from ever ending by itself or by a signal that can be caught. */
export const neverEnds = `
for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(name, () => undefined)
process.on('exit', () => { for (;;); })
process.stdin.on('end', () => { for (;;); })
setInterval(() => undefined, 1_000)
`
