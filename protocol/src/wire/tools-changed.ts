import { Type } from 'typebox'
import type { Static } from 'typebox'
import { limits } from '#limits'
import { ToolDefinition } from '#tool'
import { message } from './message.ts'

/**
 * Executor -> Maestro, reliable by `revision`, only where `welcome` named this feature: its tools are others now. It tells all of them, as a handshake does.
 * Of two the one with the higher revision counts; revisions begin anew with each connection.
 */
export const ToolsChanged = message('tools_changed', {
  revision: Type.Integer({ minimum: 1 }),
  known_tools: Type.Array(Type.String({ maxLength: 200 }), { maxItems: limits.knownToolsMax }),
  custom_tools: Type.Array(ToolDefinition, { maxItems: limits.customToolsMax }),
})
export type ToolsChanged = Static<typeof ToolsChanged.payload>
