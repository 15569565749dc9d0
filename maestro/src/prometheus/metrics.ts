import { builtInTools } from '@codegen/protocol/built-in'
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { HeldHere } from '#executors/executor-communicator'
import { openStates } from '#runs/drive'
import type { Observer, RunObserver } from '#runs/observer'

/** What is counted of a replica, for Prometheus. */
export type Metrics = {
  readonly observer: Observer
  /**
   * Everything in the text format, with what is here at this moment. What costs something while it is measured (the event loop, garbage collection) is
   * measured from the first time on.
   */
  render(now: HeldNow): Promise<{ readonly contentType: string; readonly text: string }>
}

/** What is looked at when somebody asks. */
export type HeldNow = HeldHere & {
  readonly connections: { readonly total: number; readonly idle: number; readonly waiting: number }
}

/** Figures of one replica. Labels are words of ours alone: never an id, a path, a model's or a custom tool's name, or a text of anybody's. */
export function createMetrics(version: string): Metrics {
  const registry = new Registry()
  const show = registerGauges(registry)
  const build = { name: 'maestro_build_info', help: 'This release and the Node it runs on; always 1.' }
  gauge(registry, { ...build, labelNames: ['version', 'node'] }).set({ version, node: process.version }, 1)
  let hasDefaults = false
  return {
    observer: createObserver(registry),
    async render(now) {
      if (!hasDefaults) collectDefaultMetrics({ register: registry })
      hasDefaults = true
      show(now)
      return { contentType: registry.contentType, text: await registry.metrics() }
    },
  }
}

function createObserver(registry: Registry): Observer {
  const runs = runMetrics(registry)
  const model = modelMetrics(registry)
  const tools = toolMetrics(registry)
  const append = histogram(registry, {
    name: 'maestro_log_append_duration_seconds',
    help: 'Time of one statement that brings entries of a run on record, tries again included.',
    buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30],
  })
  const late = counter(registry, {
    name: 'maestro_tool_results_late_total',
    help: 'Results of calls that had ended: late ones, and repeats of those on record. They are not used.',
    labelNames: ['status'],
  })
  const observed: Omit<RunObserver, 'runLeft'> = {
    traceparentOf: () => undefined,
    ...model,
    ...tools,
    turnEnded: () => undefined,
  }
  return {
    runTaken({ isClaimed }) {
      runs.taken.inc({ how: isClaimed ? 'claimed' : 'started' })
      return { ...observed, runLeft: (outcome) => outcome && runs.ended.inc({ status: outcome }) }
    },
    appended: (ms) => append.observe(ms / 1_000),
    resultLate: (status) => late.inc({ status }),
    runAbandoned(outcome) {
      runs.ended.inc({ status: outcome })
      runs.abandoned.inc()
    },
  }
}

function runMetrics(registry: Registry) {
  return {
    taken: counter(registry, {
      name: 'maestro_runs_taken_total',
      help: 'Runs this replica became the owner of: started here, or claimed with their executor.',
      labelNames: ['how'],
    }),
    ended: counter(registry, {
      name: 'maestro_runs_ended_total',
      help: 'Runs that ended here, by how.',
      labelNames: ['status'],
    }),
    abandoned: counter(registry, {
      name: 'maestro_runs_abandoned_total',
      help: 'Those of them that nobody came back for, ended by the sweeper.',
    }),
  }
}

function modelMetrics(registry: Registry): Pick<RunObserver, 'modelAsked'> {
  const turn = histogram(registry, {
    name: 'maestro_turn_gap_seconds',
    help: "From the end of a model's answer to the next request to it: tools, people and Maestro itself.",
    buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800],
  })
  const request = histogram(registry, {
    name: 'maestro_model_request_duration_seconds',
    help: 'From a request to the model to the end of its answer, by what came of it; tries again included.',
    labelNames: ['outcome'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640],
  })
  const firstToken = histogram(registry, {
    name: 'maestro_model_first_token_seconds',
    help: 'From a request to the model to the first piece of its answer that is shown.',
    buckets: [0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3, 6, 12, 30, 60, 120, 300],
  })
  const restarts = counter(registry, {
    name: 'maestro_model_restarts_total',
    help: 'Answers that were begun, broke off and were asked for again.',
  })
  const tokens = counter(registry, {
    name: 'maestro_model_tokens_total',
    help: 'Tokens as the model server counts them; cached ones are part of input.',
    labelNames: ['kind'],
  })
  return {
    modelAsked({ startMs, endMs, firstTokenMs, sinceAnswerMs, restarts: times, outcome, usage }) {
      request.observe({ outcome }, (endMs - startMs) / 1_000)
      if (firstTokenMs !== undefined) firstToken.observe((firstTokenMs - startMs) / 1_000)
      if (sinceAnswerMs !== undefined) turn.observe(sinceAnswerMs / 1_000)
      if (times > 0) restarts.inc(times)
      if (!usage) return
      tokens.inc({ kind: 'input' }, usage.inputTokens)
      tokens.inc({ kind: 'output' }, usage.outputTokens)
      tokens.inc({ kind: 'cached' }, usage.cachedTokens)
    },
  }
}

function toolMetrics(registry: Registry): Pick<RunObserver, 'toolCalled' | 'questionClosed' | 'requestRefused'> {
  const call = histogram(registry, {
    name: 'maestro_tool_call_duration_seconds',
    help: 'From a call on record to its result, without the time a question to the owner was open. Tools that are not built in are "custom".',
    labelNames: ['tool', 'status'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 600],
  })
  const question = histogram(registry, {
    name: 'maestro_question_wait_seconds',
    help: 'How long questions to an owner were open, by how they ended.',
    labelNames: ['outcome'],
    buckets: [1, 2, 5, 10, 30, 60, 300, 1_800, 3_600, 28_800, 86_400, 604_800],
  })
  const refused = counter(registry, {
    name: 'maestro_tool_requests_refused_total',
    help: 'Tools the model asked for wrongly: unknown, or with arguments that do not fit. Nothing was called.',
  })
  const builtIn = new Set<string>(builtInTools.map((tool) => tool.name))
  return {
    toolCalled({ toolName, status, startMs, endMs, questionMs }) {
      const tool = builtIn.has(toolName) ? toolName : 'custom'
      call.observe({ tool, status }, Math.max(0, endMs - startMs - questionMs) / 1_000)
    },
    questionClosed: ({ outcome, startMs, endMs }) => question.observe({ outcome }, (endMs - startMs) / 1_000),
    requestRefused: () => refused.inc(),
  }
}

function registerGauges(registry: Registry): (now: HeldNow) => void {
  const executors = gauge(registry, {
    name: 'maestro_executors_connected',
    help: 'Executors connected to this replica.',
  })
  const open = gauge(registry, {
    name: 'maestro_runs_open',
    help: 'Open runs this replica owns, by what they do or wait for; parked ones wait for a person, out of memory.',
    labelNames: ['state'],
  })
  const letters = gauge(registry, {
    name: 'maestro_letters_waiting',
    help: 'What has arrived for open runs and they have not taken yet.',
  })
  const commands = gauge(registry, {
    name: 'maestro_inbox_commands',
    help: 'Commands found in the inboxes of open runs at the last look.',
  })
  const pool = gauge(registry, {
    name: 'maestro_postgres_connections',
    help: 'Connections of the pool to Postgres, by state.',
    labelNames: ['state'],
  })
  const statements = gauge(registry, {
    name: 'maestro_postgres_waiting',
    help: 'Statements that wait for a connection to Postgres.',
  })
  return (now) => {
    executors.set(now.executors)
    for (const state of [...openStates, 'parked']) open.set({ state }, now.runs.get(state) ?? 0)
    letters.set(now.letters)
    commands.set(now.commands)
    const { total, idle, waiting } = now.connections
    pool.set({ state: 'idle' }, idle)
    pool.set({ state: 'busy' }, total - idle)
    statements.set(waiting)
  }
}

function gauge(registry: Registry, of: { name: string; help: string; labelNames?: string[] }): Gauge {
  return new Gauge({ labelNames: [], ...of, registers: [registry] })
}

function counter(registry: Registry, of: { name: string; help: string; labelNames?: readonly string[] }): Counter {
  return new Counter({ labelNames: [], ...of, registers: [registry] })
}

function histogram(
  registry: Registry,
  of: { name: string; help: string; labelNames?: readonly string[]; buckets: number[] },
): Histogram {
  return new Histogram({ labelNames: [], ...of, registers: [registry] })
}
