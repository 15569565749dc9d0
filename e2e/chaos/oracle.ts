/** One entry of a run's log, as the database has it. */
export type LoggedEntry = {
  readonly position: number
  readonly type: string
  readonly payload: Record<string, unknown>
  /** Which incarnation of which replica wrote it. */
  readonly writer: string
  /** Milliseconds since 1970, by the database's clock. */
  readonly at: number
}

/** What a machine's counter file says of one command: how often it began, and how often it came to its end. */
export type Marks = { readonly started: number; readonly ended: number }

export type JudgedRun = {
  readonly generationId: string
  readonly entries: readonly LoggedEntry[]
  readonly marks: ReadonlyMap<string, Marks>
  /** Keys of the inputs that were acknowledged to whoever gave them. */
  readonly inputs: readonly string[]
}

export type Faults = {
  ranTwice: string[]
  recordedTwice: string[]
  untrue: string[]
  staleWrites: string[]
  lostInputs: string[]
  gaps: string[]
}

export function noFaults(): Faults {
  return { ranTwice: [], recordedTwice: [], untrue: [], staleWrites: [], lostInputs: [], gaps: [] }
}

/** The name in a command of the scenario. */
export function labelIn(payload: Record<string, unknown>): string | undefined {
  const parameters = payload['parameters'] as { command?: string } | undefined
  return /^sh \.\/tick (?<label>\S+) /.exec(parameters?.command ?? '')?.groups?.['label']
}

/** Reads a counter file: a line when a command begins and one when it ends. */
export function readMarks(text: string): Map<string, Marks> {
  const marks = new Map<string, { started: number; ended: number }>()
  for (const line of text.split('\n')) {
    const found = /^(?<what>start|end) (?<label>\S+)$/.exec(line)?.groups
    if (!found) continue
    const label = found['label'] ?? ''
    const mark = marks.get(label) ?? { started: 0, ended: 0 }
    if (found['what'] === 'start') mark.started += 1
    else mark.ended += 1
    marks.set(label, mark)
  }
  return marks
}

/** Holds a run's log against what its commands left behind, and against what was promised to whoever spoke to it. */
export function judgeRun(run: JudgedRun): Faults {
  const faults = noFaults()
  judgePositions(run, faults)
  judgeCalls(run, faults)
  judgeWriters(run, faults)
  judgeInputs(run, faults)
  return faults
}

function judgePositions({ entries, generationId }: JudgedRun, faults: Faults): void {
  for (const [index, { position, type }] of entries.entries()) {
    if (position !== index + 1) faults.gaps.push(`${generationId}: ${type} is at ${position}, not ${index + 1}`)
  }
  const ends = entries.filter(({ type }) => type === 'run_finished')
  if (ends.length > 1) faults.recordedTwice.push(`${generationId}: ${ends.length} ends`)
}

type RecordedCall = { readonly toolId: string; readonly label: string | undefined; readonly results: LoggedEntry[] }

function judgeCalls({ entries, marks, generationId }: JudgedRun, faults: Faults): void {
  const calls = toCalls(entries)
  for (const { toolId, label, results } of calls) {
    if (results.length > 1) faults.recordedTwice.push(`${generationId}: ${toolId} has ${results.length} results`)
    if (label) judgeOutcome({ label, result: results[0], marks: marks.get(label) }, faults)
  }
  for (const [name, count] of [
    ...counted(calls.map((call) => call.label)),
    ...counted(calls.map((call) => call.toolId)),
  ])
    if (count > 1) faults.recordedTwice.push(`${generationId}: the call ${name} is recorded ${count} times`)
  const labels = new Set(calls.map((call) => call.label))
  for (const [label, { started }] of marks) {
    if (started > 1) faults.ranTwice.push(`${label} ran ${started} times`)
    if (!labels.has(label)) faults.untrue.push(`${label} ran and is in no log`)
  }
}

function toCalls(entries: readonly LoggedEntry[]): RecordedCall[] {
  const results = Map.groupBy(
    entries.filter(({ type }) => type === 'tool_call_finished' || type === 'bootstrap_result'),
    ({ payload }) => String(payload['tool_id']),
  )
  return entries
    .filter(({ type }) => type === 'tool_call')
    .map(({ payload }) => {
      const toolId = String(payload['tool_id'])
      return { toolId, label: labelIn(payload), results: results.get(toolId) ?? [] }
    })
}

function counted(names: readonly (string | undefined)[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const name of names) if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}

type JudgedCall = { label: string; result: LoggedEntry | undefined; marks: Marks | undefined }

function judgeOutcome({ label, result, marks = { started: 0, ended: 0 } }: JudgedCall, faults: Faults): void {
  if (!result) return
  const status = String(result.payload['status'])
  const text = String(result.payload['result'])
  const said = `${label} is told as ${status}`
  const wrong = (why: string): void => void faults.untrue.push(`${said}, and ${why}: ${text.slice(0, 120)}`)
  switch (status) {
    case 'success':
      if (marks.ended !== 1) wrong(`it ended ${marks.ended} times`)
      else if (!text.includes(`done ${label}`)) wrong('its output is missing')
      return
    case 'denied':
    case 'error':
      if (marks.started > 0) wrong('it ran')
      return
    case 'cancelled':
      if (text.includes('before it ran') && marks.started > 0) wrong('it ran')
      return
    case 'interrupted':
      return
    case 'timeout':
      wrong('nothing takes that long')
      return
    default:
      wrong('that is no outcome')
  }
}

/** Only the newest owner writes: the one that began the run, then whoever has claimed it last. */
function judgeWriters({ entries, generationId }: JudgedRun, faults: Faults): void {
  let owner = entries[0]?.writer
  for (const { type, writer, position } of entries) {
    if (type === 'claimed') owner = writer
    else if (writer !== owner)
      faults.staleWrites.push(`${generationId}: ${type} at ${position} is by ${writer}, not ${owner}`)
  }
}

function judgeInputs({ entries, inputs, generationId }: JudgedRun, faults: Faults): void {
  const shown = entries.filter(({ type }) => type === 'input').map(({ payload }) => String(payload['client_ref']))
  for (const key of inputs) {
    const count = shown.filter((ref) => ref === key).length
    if (count === 0) faults.lostInputs.push(`${generationId}: the input ${key} was acknowledged and is in no log`)
    if (count > 1) faults.recordedTwice.push(`${generationId}: the input ${key} is there ${count} times`)
  }
}
