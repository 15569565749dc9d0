import { chatDialect } from './chat-dialect.ts'
import type { Dialect, DialectName } from './dialect.ts'
import { responsesDialect } from './responses-dialect.ts'

const dialects = { chat: chatDialect, responses: responsesDialect } as const satisfies Record<DialectName, Dialect>

/** The dialect of this name. */
export function dialectNamed(name: DialectName): Dialect {
  return dialects[name]
}
