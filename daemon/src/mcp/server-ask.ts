import { createHash } from 'node:crypto'
import type { ServerAsk } from '#plugin-process/manifest'
import { variablesIn } from './expand-variables.ts'
import type { McpServer } from './mcp-server.ts'
import { toCommandLine } from './to-launch.ts'

/**
 * What a server asks its owner for: what is started or dialled, and the names of what it is told, never values. `contentDigest` is of the folder it comes in: since
 * nothing holds it, other content is another question.
 */
export function toServerAsk({ made, form }: McpServer, contentDigest: string): ServerAsk {
  const digest = createHash('sha256')
    .update(JSON.stringify([form, made, contentDigest]))
    .digest('hex')
  if (made.kind === 'wrong') return { env: [], headers: [], digest }
  if (made.kind === 'http') {
    const { url, headers } = made
    const texts = form === 'portable' ? [] : [url, ...Object.values(headers)]
    return { url, env: namesIn(texts), headers: Object.keys(headers), digest }
  }
  const { command, args, env, cwd } = made
  const texts = form === 'portable' ? [] : [command, ...args, ...Object.values(env), cwd ?? '']
  const names = new Set([...Object.keys(env), ...namesIn(texts)])
  return { command: toCommandLine(made), ...(cwd === undefined ? {} : { cwd }), env: [...names], headers: [], digest }
}

/** Those of the plugin's own folders are nothing of the owner's. */
function namesIn(texts: readonly string[]): string[] {
  const names = new Set(texts.flatMap(variablesIn))
  return [...names].filter((name) => !/^(CLAUDE_)?PLUGIN_(ROOT|DATA)$/.test(name))
}
