import { limits } from '#limits'
import { familyOf } from './model-family.ts'

/** How many tokens fit into the models of one server. */
export type ContextTokens = {
  /** What its owner set, else what the server told, else what is known of its family, else a default. */
  of(model: string): number
  /** What the server tells of a model. */
  learn(model: string, tokens: number): void
  /** What the server told of a model. */
  toldOf(model: string): number | undefined
}

/** A server on this machine or its network is loaded with less than its model could take; until it tells, little is supposed. */
export function createContextTokens(of: { configured: number | undefined; isLocal: boolean }): ContextTokens {
  const told = new Map<string, number>()
  const supposed = (model: string): number => {
    if (of.isLocal) return limits.model.contextTokensLocal
    return familyOf(model)?.contextTokens ?? limits.model.contextTokensDefault
  }
  return {
    of: (model) => of.configured ?? told.get(model) ?? supposed(model),
    toldOf: (model) => told.get(model),
    learn(model, tokens) {
      if (Number.isSafeInteger(tokens) && tokens > 0 && told.size < limits.model.modelsKnownMax) told.set(model, tokens)
    },
  }
}
