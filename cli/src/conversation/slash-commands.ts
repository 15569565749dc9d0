import type { RunSettings } from './settings.ts'

/** What a `/` command may do to the conversation it is given in. */
export type Talk = {
  settings: RunSettings
  /** Undefined before the first run of a new conversation. */
  sessionId: string | undefined
  /** Says something in lines of codegen's own. */
  print(text: string): void
  /** Runs one of the commands of the shell, as it would there. */
  runCommand(name: string): Promise<void>
  /** Goes on with the conversation of an earlier run: of that id, or the newest of this folder. */
  resume(id: string | undefined): Promise<void>
  leave(): void
}

type SlashCommand = {
  readonly summary: string
  /** How help names what it takes. */
  readonly argument?: string
  /** What may stand there. */
  readonly choices?: readonly string[]
  /** Not while a run works. */
  readonly needsRest?: boolean
  run(talk: Talk, argument: string): Promise<void> | void
}

const modes = ['ask', 'auto', 'read-only'] as const

/** Everything that can be told to a conversation. */
export const slashCommands: Readonly<Record<string, SlashCommand>> = {
  help: { summary: 'this', run: (talk) => talk.print(renderHelp()) },
  status: { summary: 'what runs here, and where its files are', run: (talk) => talk.runCommand('status') },
  tools: { summary: 'what a model may call here', run: (talk) => talk.runCommand('tools') },
  runs: { summary: 'the newest runs', run: (talk) => talk.runCommand('runs') },
  model: { summary: 'the model from the next message on', argument: '[NAME]', run: chooseModel },
  mode: {
    summary: 'when to ask from the next message on',
    argument: `[${modes.join('|')}]`,
    choices: modes,
    run: chooseMode,
  },
  new: { summary: 'a fresh conversation', needsRest: true, run: begin },
  resume: {
    summary: 'go on with an earlier run of this folder',
    argument: '[ID]',
    needsRest: true,
    run: (talk, argument) => talk.resume(argument || undefined),
  },
  exit: { summary: 'leave, as Ctrl-D does', needsRest: true, run: (talk) => talk.leave() },
}

function begin(talk: Talk): void {
  talk.sessionId = undefined
  talk.print('A fresh conversation: the next message knows nothing of what was said before.\n')
}

function chooseModel(talk: Talk, name: string): void {
  const { model } = talk.settings
  if (name === '')
    talk.print(
      `${model === undefined ? 'The model is the server’s own; /status names it.' : `The model is ${model}.`}\n`,
    )
  else if (/\s/.test(name) || name.length > 200) talk.print('/model takes one name, for example: /model gpt-5\n')
  else {
    talk.settings = { ...talk.settings, model: name }
    talk.print(`The next message goes to ${name}.\n`)
  }
}

function chooseMode(talk: Talk, name: string): void {
  const mode = modes.find((one) => one === name)
  if (name === '') talk.print(`${modeSentences[talk.settings.mode]}\n`)
  else if (mode === undefined) talk.print('/mode takes ask, auto or read-only.\n')
  else {
    talk.settings = { ...talk.settings, mode }
    talk.print(`From the next message on: ${modeSentences[mode]}\n`)
  }
}

const modeSentences = {
  ask: 'ask: every call that may change something is asked about.',
  auto: 'auto: nothing is asked that the policy allows.',
  'read-only': 'read-only: nothing is changed.',
} as const

function renderHelp(): string {
  const pairs = Object.entries(slashCommands).map(([name, { argument, summary }]) => [
    `/${name}${argument === undefined ? '' : ` ${argument}`}`,
    summary,
  ])
  const width = Math.max(...pairs.map(([left = '']) => left.length))
  const lines = pairs.map(([left = '', right = '']) => `  ${left.padEnd(width)}  ${right}\n`)
  return `${lines.join('')}\n${keysHelp}`
}

const keysHelp = `Several lines: end a line with \\, or press Alt-Enter or Ctrl-J. Pasted lines
are one message. A message that begins with a slash goes after a space; a path
(/etc/hosts is ...) and what begins with // are sent as they are. While a run
works, what you enter is said to it. Ctrl-C ends the run, a second one leaves.
`
