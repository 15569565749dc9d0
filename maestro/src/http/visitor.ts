import type { Principal } from '#executors/ports'

/** Who is behind a request, by which token and from where. */
export type Visitor = {
  readonly principal: Principal
  readonly tokenDigest: string
  /** Undefined on a Unix socket. */
  readonly address: string | undefined
}
