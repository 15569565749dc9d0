import { Type } from 'typebox'
import type { Static } from 'typebox'
import { message } from './message.ts'

/**
 * Either way: the reliable message with this key is on record; the sender may forget it. `ref` is `<type>:<key>`, for example
 * `tool_result:7d0e...`.
 */
export const Stored = message('stored', { ref: Type.String({ minLength: 1, maxLength: 300 }) })
export type Stored = Static<typeof Stored.payload>
