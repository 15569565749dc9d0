import type { Operand } from './command.ts'

/** The operand of every command about one run. */
export const runId: Operand = {
  name: 'ID',
  meaning: 'the id of one run, or its beginning; codegen runs lists them',
  completes: 'runs',
}
