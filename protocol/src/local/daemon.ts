import { Type } from 'typebox'
import { method } from './method.ts'

/** What codegend knows of itself. */
export const DaemonStatus = method(
  'daemon/status',
  {},
  Type.Object({
    pid: Type.Integer(),
    version: Type.String(),
    uptime_ms: Type.Integer(),
    socket: Type.String(),
    home: Type.String(),
    executor_id: Type.String(),
    maestro: Type.Object({
      url: Type.String(),
      own: Type.Boolean(),
      state: Type.Enum(['connecting', 'connected', 'waiting', 'stopped']),
      epoch: Type.Optional(Type.Integer()),
      error: Type.Optional(Type.String()),
      model: Type.Optional(Type.String()),
    }),
    runs_open: Type.Integer(),
    calls_open: Type.Integer(),
    /** Those among them that an earlier codegend still runs. */
    calls_held: Type.Optional(Type.Integer()),
    tools: Type.Array(Type.String()),
    log_file: Type.String(),
  }),
)

/**
 * Another codegend takes over. Answered when the socket, Maestro and the journal are free for it: this one then takes nothing more, finishes the calls it runs,
 * writes their results into the journal and leaves, but not before this connection is closed. Calls that had not started are the other's. Only a codegend asks.
 */
export const DaemonHandOver = method(
  'daemon/hand-over',
  {},
  Type.Object({ pid: Type.Integer(), calls_open: Type.Integer() }),
)

/** Ends codegend, its open calls and its own Maestro. Answered before it leaves. A client that `initialize` refused for its version may ask this too. */
export const DaemonShutdown = method('daemon/shutdown', {}, Type.Object({ pid: Type.Integer() }))
