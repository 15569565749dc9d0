import { parseArgs } from 'node:util'
import { Failure } from '@codegen/protocol/failure'

/** What `maestro replay` is asked to do. */
export type ReplayOptions = {
  /** The run's id, or how it begins. */
  readonly run: string
  readonly task: { readonly kind: 'verify' } | { readonly kind: 'fork'; readonly from: number; readonly model?: string }
  readonly team: string | undefined
  readonly isJson: boolean
  readonly state: string | undefined
}

export const replayUsage = `Usage: maestro replay RUN --verify
       maestro replay RUN --from N [--model M]

Looks at a recorded run. RUN is its id or the beginning of it.

  --verify        make each request to the model again from the log, and compare it with the digest saved when it was sent
  --from N        fork the run: a new one begins with its entries 1 to N and goes on from there, on the same executor
  --model M       the model of the fork (default: the run's own)
  --team TEAM     whose run it is, where several teams have one of this id
  --json          one JSON object a line (docs/replay.md)
  --state DIR     where a Maestro keeps its own Postgres (default $CODEGEN_HOME/maestro)
  --help

It needs the database alone: DATABASE_URL, else the Postgres in the state folder, which a Maestro may be using meanwhile.
Exit codes: 0 done, and every request is the same; 1 one differs, an entry cannot be read, or there is no such run or fork; 2 wrong usage; 4 the database cannot be reached.
`

/** Reads the words behind `maestro replay`. Fails with config.invalid in one sentence that names what fits. */
export function parseReplayOptions(args: readonly string[]): ReplayOptions | 'help' {
  const { values, positionals } = parseWords(args)
  if (values.help) return 'help'
  const [run, ...more] = positionals
  if (!run) throw wrong('maestro replay needs a run: its id or the beginning of it')
  if (more.length > 0) throw wrong(`maestro replay takes one run; "${more[0]}" is one word too many`)
  return { run, task: toTask(values), team: values.team, isJson: values.json === true, state: values.state }
}

type Values = ReturnType<typeof parseWords>['values']

function parseWords(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        verify: { type: 'boolean' },
        from: { type: 'string' },
        model: { type: 'string' },
        team: { type: 'string' },
        json: { type: 'boolean' },
        state: { type: 'string' },
        help: { type: 'boolean' },
      },
    })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'an option is wrong'
    throw wrong(reason.split('.')[0] ?? reason, cause)
  }
}

function toTask({ verify, from, model }: Values): ReplayOptions['task'] {
  if (verify === (from !== undefined)) throw wrong('maestro replay takes either --verify or --from N')
  if (from === undefined) {
    if (!verify) throw wrong('maestro replay takes either --verify or --from N')
    if (model !== undefined) throw wrong('--model is for a fork: give it together with --from N')
    return { kind: 'verify' }
  }
  if (!/^[1-9][0-9]{0,8}$/.test(from))
    throw wrong(`--from must be the number of a log entry, 1 for the first, not "${from}"`)
  if (model !== undefined && !/^[^\0]{1,200}$/.test(model))
    throw wrong("--model must be a model's name of at most 200 characters")
  return { kind: 'fork', from: Number(from), ...(model === undefined ? {} : { model }) }
}

function wrong(reason: string, cause?: unknown): Failure {
  return new Failure('config.invalid', `${reason}; see maestro replay --help.`, { cause })
}
