import { Failure } from '@codegen/protocol/failure'
import type { DialectName } from '#runs/dialect'
import { Breakdown } from './breakdown.ts'
import { clean } from './clean.ts'
import type { ModelServer } from './model-server.ts'
import { toTrouble } from './trouble.ts'
import type { Trouble } from './trouble.ts'

/** What runs use at OpenAI's own address when CODEGEN_MODEL is not set. */
const openAiModelDefault = 'gpt-5.5'

/** The model a run uses when neither it nor CODEGEN_MODEL names one: OpenAI's default, or the only one the server offers. Rejects with a Failure. */
export async function findDefaultModel(server: ModelServer, signal: AbortSignal): Promise<string> {
  if (server.isOpenAi) return openAiModelDefault
  const models = await listModels(server, signal)
  if (!Array.isArray(models)) throw toListFailure(models, server)
  const [only, ...others] = models
  if (only === undefined) {
    throw new Failure(
      'model.unconfigured',
      `The model server at ${server.address} offers no model: load one there, or set CODEGEN_MODEL.`,
    )
  }
  if (others.length === 0) return only
  throw new Failure(
    'model.unconfigured',
    `The model server at ${server.address} offers several models: set CODEGEN_MODEL to one of ${toSentence(models, server)}.`,
  )
}

/** The model of a configuration, where it is and what else is there. Fails with a Failure: no such model, no answer, a key that is refused. */
export async function describeModel(
  server: ModelServer,
  named: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  const model = named ?? (await findDefaultModel(server, signal))
  const models = await listModels(server, signal)
  const is = `${model} at ${server.address}`
  if (!Array.isArray(models)) {
    if (models.kind === 'not-found') return `${is}, which does not list what it offers`
    throw toListFailure(models, server)
  }
  if (models.includes(model)) return `${is}, which offers ${toSentence(models, server)}`
  const offer = models.length === 0 ? 'it offers none' : `it offers ${toSentence(models, server)}`
  throw new Failure(
    'model.unknown',
    `The model server at ${server.address} has no model ${model}; ${offer}: set CODEGEN_MODEL.`,
  )
}

/** Why a server knows an address or a model not; asks it for the models it has. */
export async function explainNotFound(
  server: ModelServer,
  of: { dialect: DialectName; model: string; said: string; signal: AbortSignal },
): Promise<Failure> {
  const models = await listModels(server, of.signal)
  const said = of.said === '' ? '' : ` (it said: ${of.said})`
  if (!Array.isArray(models) || models.includes(of.model)) {
    const isChat = of.dialect === 'chat'
    const api = isChat ? 'chat completions' : 'Responses API'
    const next = `${isChat ? '' : 'set CODEGEN_MODEL_API=chat, or '}check OPENAI_BASE_URL, which usually ends in /v1, and CODEGEN_MODEL`
    return new Failure(
      'model.unknown',
      `The model server at ${server.address} found no ${api} for the model ${of.model}: ${next}${said}.`,
    )
  }
  const offer = models.length === 0 ? 'it offers none' : `it offers ${toSentence(models, server)}`
  return new Failure(
    'model.unknown',
    `The model server at ${server.address} has no model ${of.model}; ${offer}: set CODEGEN_MODEL.`,
  )
}

async function listModels(server: ModelServer, signal: AbortSignal): Promise<string[] | Trouble> {
  const late = AbortSignal.timeout(server.bounds.modelListMsMax)
  try {
    return await server.models(AbortSignal.any([signal, late]))
  } catch (thrown) {
    const isLate = late.aborted && !signal.aborted
    return toTrouble(isLate ? new Breakdown({ kind: 'silent', ms: server.bounds.modelListMsMax }) : thrown, server)
  }
}

function toListFailure(trouble: Trouble, server: ModelServer): Failure {
  if (trouble.kind === 'final') return trouble.failure
  if (trouble.kind === 'transient') return new Failure(trouble.code, `${trouble.reason}: ${trouble.next}.`)
  return new Failure(
    'model.unconfigured',
    `The model server at ${server.address} does not list its models: set CODEGEN_MODEL to the one to use.`,
  )
}

function toSentence(models: readonly string[], { key, bounds }: ModelServer): string {
  const shown = models.slice(0, bounds.modelsShownMax).map((model) => clean(model, { key, charactersMax: 100 }))
  const more = models.length - shown.length
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
