import type { ModelPrice } from '#model-prices'
import type { ModelUsage } from '#runs/ports'

/** What one answer cost, in millionths of a dollar, by the longest prefix that fits; undefined where nobody said. */
export function costMicrosOf(prices: readonly ModelPrice[], model: string, usage: ModelUsage): number | undefined {
  const price = prices
    .filter(({ prefix }) => model.startsWith(prefix))
    .toSorted((a, b) => b.prefix.length - a.prefix.length)
    .at(0)
  if (!price) return undefined
  const cachedTokens = Math.min(usage.cachedTokens, usage.inputTokens)
  const fresh = usage.inputTokens - cachedTokens
  // A dollar a million tokens is a millionth of a dollar a token.
  return Math.round(fresh * price.input + cachedTokens * price.cached + usage.outputTokens * price.output)
}
