import type { Static } from 'typebox'
import { Type } from 'typebox'
import { limits } from '#limits'
import { method } from './method.ts'

export const LogLevel = Type.Enum(['info', 'warn', 'error'])
export type LogLevel = Static<typeof LogLevel>

/** One line of codegend's log; its own Maestro writes into the same. Never a prompt, a result, a token or a file's content. */
export const LogLine = Type.Object({
  time: Type.String(),
  level: LogLevel,
  source: Type.Enum(['codegend', 'maestro']),
  message: Type.String(),
  fields: Type.Record(Type.String(), Type.Unknown()),
})
export type LogLine = Static<typeof LogLine>

/** The newest lines, oldest first: of this level or above, and about one run (the beginning of its id) where that is asked for. `follow`: those that come
 * later follow as `logs/line`, until the client leaves. */
export const LogsTail = method(
  'logs/tail',
  {
    lines: Type.Optional(Type.Integer({ minimum: 0, maximum: limits.logLinesMax })),
    level: Type.Optional(LogLevel),
    run: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
    follow: Type.Optional(Type.Boolean()),
  },
  Type.Object({ lines: Type.Array(LogLine) }),
)
