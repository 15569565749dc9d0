import type { Client } from '#client'
import { connectToDaemon } from '#connect'
import { exitCodes } from '#exit-code'
import type { ExitCode } from '#exit-code'
import { limits } from '#limits'
import { toOneLine } from '#render/visible'
import { Failure } from '@codegen/protocol/failure'
import type { Command, Invocation } from './command.ts'
import { nextWords } from './next-words.ts'
import type { Candidate, NextWords } from './next-words.ts'

const bash = `# Completion of codegen for bash: eval "$(codegen completion bash)" in ~/.bashrc
_codegen() {
  local current=\${COMP_WORDS[COMP_CWORD]} word summary
  [ "$current" = = ] && current=
  COMPREPLY=()
  while IFS=$'\\t' read -r word summary; do
    case $word in "$current"*) COMPREPLY+=("$word") ;; esac
  done < <("\${COMP_WORDS[0]/#\\~/$HOME}" completion candidates -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2> /dev/null)
}
complete -o default -F _codegen codegen
`

const zsh = `#compdef codegen
# Completion of codegen for zsh: eval "$(codegen completion zsh)" in ~/.zshrc, after compinit
_codegen() {
  local -a candidates
  local word summary
  while IFS=$'\\t' read -r word summary; do
    candidates+=("\${word//:/\\\\:}:$summary")
  done < <("\${words[1]/#\\~/$HOME}" completion candidates -- "\${(@)words[2,CURRENT]}" 2> /dev/null)
  if (( $#candidates )); then _describe codegen candidates; else _files; fi
}
compdef _codegen codegen
`

const fish = `# Completion of codegen for fish: codegen completion fish > ~/.config/fish/completions/codegen.fish
function __codegen_candidates
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l found (codegen completion candidates -- $words[2..-1] "$current" 2> /dev/null)
    if set -q found[1]
        printf '%s\\n' $found
    else
        __fish_complete_path "$current"
    end
end
complete -c codegen -f -a '(__codegen_candidates)'
`

const scripts: Readonly<Record<string, string>> = { bash, zsh, fish }

/** `codegen completion SHELL`. The scripts ask codegen itself at each Tab, so that they never go stale. */
export const completion: Command = {
  name: 'completion',
  group: 'codegen itself',
  summary: 'the script that completes codegen in bash, zsh or fish',
  operands: [{ name: 'SHELL', meaning: 'the name of a shell: bash, zsh or fish', completes: Object.keys(scripts) }],
  options: [],
  details: [
    'bash   eval "$(codegen completion bash)" in ~/.bashrc',
    'zsh    eval "$(codegen completion zsh)" in ~/.zshrc, after compinit',
    'fish   codegen completion fish > ~/.config/fish/completions/codegen.fish',
    'Commands, options, the ids of runs and the names of tools and plugins are completed; the last three where codegend runs.',
  ],
  async run({ words, terminal }) {
    const script = scripts[words[0] ?? '']
    if (script === undefined)
      throw new Failure('request.invalid', `codegen completes bash, zsh and fish, not ${words[0]?.slice(0, 40)}.`)
    terminal.print(script)
    return exitCodes.done
  },
}

/** What the scripts ask: the words after `codegen`, the last one as far as it is typed. Starts nothing; a word and its summary a line. */
export const completionCandidates: Command = {
  name: 'completion candidates',
  group: 'codegen itself',
  isHidden: true,
  summary: 'what may come next, for the scripts of codegen completion',
  operands: [{ name: 'WORD', meaning: 'the words typed so far, after --', isOptional: true, takesRest: true }],
  options: [],
  run: printCandidates,
}

async function printCandidates({ words, commands, terminal }: Invocation): Promise<ExitCode> {
  const next = nextWords(words, commands)
  for (const [word, summary] of [...next.words, ...(await askFor(next.ask))]) {
    // Ids and names come from elsewhere: what a shell could take for more than a word is left out.
    if (/^[\w.-]+$/.test(word)) terminal.print(`${word}\t${toOneLine(summary, limits.promptColumnMax)}\n`)
  }
  return exitCodes.done
}

async function askFor(ask: NextWords['ask']): Promise<Candidate[]> {
  if (ask === undefined || ask === 'commands' || ask === 'folders') return []
  let client: Client | undefined
  try {
    client = await connectToDaemon({})
    if (ask === 'tools')
      return (await client.listTools(process.cwd())).map(({ name, description }) => [name, description])
    if (ask === 'plugins')
      return (await client.listPlugins(process.cwd())).plugins.map(({ name, state }) => [name, state])
    const runs = await client.listRuns(limits.runsListed)
    return runs.map(({ generation_id, status, prompt }) => [generation_id, `${status}: ${prompt}`])
  } catch {
    // Nobody to ask: there is nothing to offer.
    return []
  } finally {
    client?.close()
  }
}
