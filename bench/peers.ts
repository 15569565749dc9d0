import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Another agent: where its program is below `PEERS_DIR`, what it is told once, and how it is started for a prompt. */
export type Peer = {
  readonly name: string
  readonly program: string
  readonly parameters: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** Writes its settings into a home of its own. */
  prepare(place: { home: string; folder: string; modelUrl: string }): Promise<void>
}

/** The agents that `PEERS_DIR` holds, each installed with npm in a folder of its name; the others are named in `missing`. */
export function findPeers(peersFolder: string): { found: Peer[]; missing: string[] } {
  const all = [codex, pi, opencode].map((peer) => ({ ...peer, program: join(peersFolder, peer.program) }))
  return {
    found: all.filter(({ program }) => existsSync(program)),
    missing: all.filter(({ program }) => !existsSync(program)).map(({ name }) => name),
  }
}

const codex: Peer = {
  name: 'codex',
  program: 'codex/node_modules/.bin/codex',
  parameters: ['exec', '--dangerously-bypass-approvals-and-sandbox'],
  environment: { PEER_KEY: 'none' },
  prepare: ({ home, folder, modelUrl }) =>
    write(
      join(home, '.codex', 'config.toml'),
      [
        'model = "gpt-5.5"',
        'model_provider = "scripted"',
        'check_for_update_on_startup = false',
        '[model_providers.scripted]',
        'name = "scripted"',
        `base_url = "${modelUrl}"`,
        'wire_api = "responses"',
        'env_key = "PEER_KEY"',
        '[analytics]',
        'enabled = false',
        `[projects."${folder}"]`,
        'trust_level = "trusted"',
        '',
      ].join('\n'),
    ),
}

const pi: Peer = {
  name: 'pi',
  program: 'pi/node_modules/.bin/pi',
  parameters: ['-p', '--provider', 'scripted', '--model', 'scripted'],
  environment: { PI_OFFLINE: '1', PI_SKIP_VERSION_CHECK: '1', PI_TELEMETRY: '0' },
  prepare: ({ home, modelUrl }) => {
    const cost = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 }
    const model = { id: 'scripted', name: 'scripted', reasoning: false, input: ['text'], cost }
    const models = [{ ...model, contextWindow: 200_000, maxTokens: 8_192 }]
    const scripted = { baseUrl: modelUrl, api: 'openai-completions', apiKey: 'none', models }
    return write(join(home, '.pi', 'agent', 'models.json'), JSON.stringify({ providers: { scripted } }))
  },
}

const opencode: Peer = {
  name: 'opencode',
  program: 'opencode/node_modules/.bin/opencode',
  parameters: ['run'],
  environment: {
    OPENCODE_DISABLE_AUTOUPDATE: '1',
    OPENCODE_DISABLE_MODELS_FETCH: '1',
    OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
  },
  prepare: ({ home, modelUrl }) => {
    const limit = { context: 200_000, output: 8_192 }
    const scripted = {
      npm: '@ai-sdk/openai-compatible',
      name: 'scripted',
      options: { baseURL: modelUrl, apiKey: 'none' },
      models: { scripted: { name: 'scripted', tool_call: true, limit } },
    }
    const model = 'scripted/scripted'
    const settings = { provider: { scripted }, model, small_model: model, autoupdate: false, share: 'disabled' }
    return write(
      join(home, '.config', 'opencode', 'opencode.json'),
      JSON.stringify({ ...settings, permission: 'allow' }),
    )
  },
}

async function write(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, content)
}
