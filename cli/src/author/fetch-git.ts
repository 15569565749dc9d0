import { Failure } from '@codegen/protocol/failure'
import { runProgram } from './run-program.ts'
import type { PluginSource } from './parse-source.ts'

/** What a repository could make git do beside fetching is off: hooks, submodules, watchers, other protocols. */
const guards = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'submodule.recurse=false',
  'protocol.allow=never',
  'protocol.https.allow=always',
  'protocol.ssh.allow=always',
]

/** Fetches one commit of a repository into an empty folder, without its history. */
export async function fetchGit(
  { url, ref }: Extract<PluginSource, { kind: 'git' }>,
  folder: string,
  signal: AbortSignal,
): Promise<{ commit: string }> {
  const allowed = url.startsWith('file:') ? [...guards, 'protocol.file.allow=always'] : guards
  const settings = allowed.flatMap((setting) => ['-c', setting])
  // Without a terminal git must not wait for a password nobody types.
  const env = process.stdin.isTTY ? {} : { GIT_TERMINAL_PROMPT: '0' }
  const git = async (...words: string[]): Promise<string> => {
    const end = await runProgram('git', [...settings, ...words], { cwd: folder, signal, env })
    if (end.code === 0) return end.stdout
    throw new Failure('request.invalid', toSentence(end.stderr, url, ref))
  }
  await git('init', '--quiet', '--template=')
  await git('fetch', '--quiet', '--depth=1', '--no-tags', '--no-recurse-submodules', '--', url, ref ?? 'HEAD')
  await git('checkout', '--quiet', '--detach', 'FETCH_HEAD')
  return { commit: (await git('rev-parse', 'FETCH_HEAD')).trim() }
}

function toSentence(stderr: string, url: string, ref: string | undefined): string {
  if (ref !== undefined && /couldn't find remote ref|not our ref|unadvertised object/i.test(stderr))
    return `${url} has no branch, tag or commit ${ref}.`
  const reason = /^(?:fatal|error): (.*)$/m.exec(stderr)?.[1] ?? stderr.trim().split('\n').at(-1) ?? ''
  return `git could not fetch ${url}: ${reason.slice(0, 300) || 'it did not say why'}`
}
