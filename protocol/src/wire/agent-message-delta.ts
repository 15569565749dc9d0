import { Type } from 'typebox'
import type { Static } from 'typebox'
import { GenerationId } from '#ids'
import { message } from './message.ts'

/** Maestro -> frontend, through the run's stream: a piece of the answer as the model makes it (the seed's phase 4). */
export const AgentMessageDelta = message('agent_message_delta', { generation_id: GenerationId, content: Type.String() })
export type AgentMessageDelta = Static<typeof AgentMessageDelta.payload>
