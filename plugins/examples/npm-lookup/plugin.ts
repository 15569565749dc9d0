import { definePlugin, defineTool } from './kit/define-tool.ts'
import { readRelease, releaseInWords } from './release.ts'

/** Node's own, without its types having to be installed. */
declare const process: { readonly env: Readonly<Record<string, string | undefined>> }

const bytesMax = 1_000_000

export const lookup = defineTool(
  {
    name: 'NpmLookup',
    description:
      'Looks an npm package up in the registry: newest version (or one that is named), licence, whether it is deprecated, ' +
      'which Node it needs and what it depends on. Use it before a dependency is added or raised.',
    annotations: { readOnly: true, openWorld: true },
    timeout_ms: 30_000,
    parameters: {
      type: 'object',
      properties: {
        name: { type: 'string', description: 'such as "undici" or "@types/node"', minLength: 1, maxLength: 214 },
        version: { type: 'string', description: 'a version or a tag. Left out: latest', minLength: 1, maxLength: 100 },
      },
      required: ['name'],
      additionalProperties: false,
    },
  },
  async ({ name, version = 'latest' }: { name: string; version?: string }, context) => {
    const url = `${registry()}/${encodeURIComponent(name)}/${encodeURIComponent(version)}`
    context.progress(`asking ${url}`)
    const answer = await context.fetch(url, { timeoutMs: 15_000, decodedBytesMax: bytesMax, redirectsMax: 0 })
    if (answer.status === 404) return { text: `The registry has no ${name}@${version}.`, isError: true }
    if (answer.status !== 200) return { text: `The registry answered with status ${answer.status}.`, isError: true }
    if (answer.truncated) return { text: `What the registry has on ${name} is too long to be read.`, isError: true }
    const release = readRelease(new TextDecoder().decode(answer.bytes))
    if (!release) return { text: `${url} is no registry of npm packages: its answer names no version.`, isError: true }
    return { text: releaseInWords(release), structured: release }
  },
)

/** The environment has only what package.json asks for by name. */
function registry(): string {
  const given = process.env['NPM_LOOKUP_REGISTRY']
  return (given ?? 'https://registry.npmjs.org').replace(/\/+$/, '')
}

export default definePlugin([lookup])
