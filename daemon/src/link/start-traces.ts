/** What starts of runs need of who traces them. Its methods are cheap and never throw. */
export type StartTraces = {
  /** A run is asked for, in the trace of that traceparent where it is one. */
  start(traceparent: string | undefined): StartTrace
}

export type StartTrace = {
  /** What the server is to continue. */
  readonly traceparent: string
  /** It was started, or (with its code) refused. */
  ended(error: string | undefined): void
}
