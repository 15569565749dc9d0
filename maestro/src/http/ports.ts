/** A run as lists show it. */
export type ListedRun = {
  readonly generation_id: string
  readonly session_id: string
  readonly executor_id: string
  readonly status: string
  readonly prompt: string
  readonly cwd: string
  readonly mode: string
  readonly model: string
  readonly created_at: string
  readonly finished_at: string | null
  readonly turns: number
  readonly input_tokens: number
  readonly output_tokens: number
  readonly error: string | null
}

export type RunFilter = { readonly teamId: string; readonly executorId?: string; readonly limit: number }

/** What the HTTP edge needs of Postgres. */
export type RunList = {
  /** The newest first. */
  list(filter: RunFilter): Promise<readonly ListedRun[]>
  /** The runs whose id begins so, two at the most. */
  find(filter: { teamId: string; executorId?: string; idStart: string }): Promise<readonly ListedRun[]>
}

/** A part whose absence makes this replica useless. */
export type ReadyCheck = { readonly name: string; check(): Promise<void> }
