import { Type } from 'typebox'
import { method } from './method.ts'

/**
 * First on every connection. `can_answer_approvals` says that this client answers the questions of runs it is attached to: it has a person, or
 * denies for want of one. Fails with client.version when the two
 * versions cannot work together; the message names both.
 */
export const Initialize = method(
  'initialize',
  {
    version: Type.String({ maxLength: 100 }),
    client: Type.Object({ kind: Type.String({ maxLength: 100 }), pid: Type.Optional(Type.Integer()) }),
    can_answer_approvals: Type.Optional(Type.Boolean()),
  },
  Type.Object({ version: Type.String(), pid: Type.Integer() }),
)
