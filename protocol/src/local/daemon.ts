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
    tools: Type.Array(Type.String()),
    log_file: Type.String(),
  }),
)

/** Ends codegend, its open calls and its own Maestro. Answered before it leaves. A client that `initialize` refused for its version may ask this too. */
export const DaemonShutdown = method('daemon/shutdown', {}, Type.Object({ pid: Type.Integer() }))
