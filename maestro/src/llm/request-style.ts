import type { RequestStyle } from '#runs/ports'
import { familyOf } from './model-family.ts'
import type { ModelConfig } from './model-server.ts'

type StyledRun = { readonly model: string; readonly sessionId: string; readonly isOpenAi: boolean }

/**
 * How the requests of a new run are written: the API its owner chose, and what OpenAI's own servers take besides. Others are not sent what they may refuse:
 * the cache key only goes to OpenAI, and thoughts are asked for only from models that are known to give them.
 */
export function toRequestStyle(config: ModelConfig, run: StyledRun): RequestStyle {
  const dialect = config.api ?? 'chat'
  const thinks = dialect === 'responses' && hasReasoning(run)
  const summary = thinks && config.reasoningSummary
  const members = {
    ...(run.isOpenAi ? { prompt_cache_key: run.sessionId } : {}),
    ...(thinks ? { include: ['reasoning.encrypted_content'] } : {}),
    ...(summary ? { reasoning: { summary } } : {}),
  }
  const text = JSON.stringify(members).slice(1, -1)
  return { dialect, options: text === '' ? '' : `${text},` }
}

/** OpenAI's models of tomorrow think; of other servers' models only known families are supposed to. */
function hasReasoning({ model, isOpenAi }: StyledRun): boolean {
  const family = familyOf(model)
  return family ? family.hasEncryptedReasoning === true : isOpenAi
}
