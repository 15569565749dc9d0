import { Type } from 'typebox'
import type { Static } from 'typebox'
import { ExecutorId, JournalId, ToolId } from '#ids'
import { limits } from '#limits'
import { ToolDefinition } from '#tool'
import { message } from './message.ts'

/** What the executor tells of the project: instructions found there and its top-level paths. */
export const ProjectSpec = Type.Object({
  content: Type.String({ maxLength: limits.projectSpecCharactersMax }),
  file_paths: Type.Array(Type.String({ maxLength: 4096 }), { maxItems: limits.projectSpecPathsMax }),
})
export type ProjectSpec = Static<typeof ProjectSpec>

/**
 * Executor -> Maestro, first on every connection: who connects, and what its hands can do.
 *
 * Level 0 (the seed) sends the five first fields; a non-empty `initial_prompt` starts a run. Level 1 sends an empty `initial_prompt` and the
 * rest, and is answered by `welcome`. `executor.epoch` names the last epoch this executor was welcomed with.
 */
export const Handshake = message('handshake', {
  client_type: Type.String({ maxLength: 200 }),
  initial_prompt: Type.String({ maxLength: limits.promptCharactersMax }),
  known_tools: Type.Array(Type.String({ maxLength: 200 }), { maxItems: limits.knownToolsMax }),
  custom_tools: Type.Array(ToolDefinition, { maxItems: limits.customToolsMax }),
  project_spec: ProjectSpec,
  protocol: Type.Optional(
    Type.Object({
      version: Type.Integer({ minimum: 1 }),
      features: Type.Array(Type.String({ maxLength: 100 }), { maxItems: 100 }),
    }),
  ),
  executor: Type.Optional(
    Type.Object({
      id: ExecutorId,
      epoch: Type.Optional(Type.Integer({ minimum: 0 })),
      journal_id: JournalId,
      name: Type.String({ maxLength: 200 }),
      version: Type.String({ maxLength: 100 }),
      os: Type.String({ maxLength: 100 }),
      arch: Type.String({ maxLength: 100 }),
    }),
  ),
  open: Type.Optional(Type.Array(ToolId, { maxItems: 10_000 })),
  limits: Type.Optional(
    Type.Object({
      max_message_bytes: Type.Integer({ minimum: 1024 }),
      max_parallel_tools: Type.Integer({ minimum: 1, maximum: 1_000 }),
    }),
  ),
  schemas_digest: Type.Optional(Type.String({ maxLength: 128 })),
})
export type Handshake = Static<typeof Handshake.payload>
