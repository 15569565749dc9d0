import fc from 'fast-check'
import { test } from 'tap'
import { parsePrices } from '#model-prices'
import { costMicrosOf } from './cost.ts'
import { toServerAddress } from './server-address.ts'
import { answerOf, askOf, hello } from './test-model-client.ts'
import { startModelServer } from './test-model-server.ts'

test('an address with a query keeps it, before it the path of each request', async (t) => {
  const place = await startModelServer(t, { replies: [hello] })
  const baseUrl = `${place.url}/openai/deployments/mine?api-version=2024-10-21`
  const { outcome } = await askOf(t, [hello], { config: { baseUrl, apiKey: 'k' } })
  t.equal(answerOf(t, outcome).content, 'Hello')
  const [asked] = place.asked
  t.equal(asked?.path, '/v1/openai/deployments/mine/chat/completions?api-version=2024-10-21')
  t.equal(asked?.headers.authorization, 'Bearer k')
})

test('Azure is given its key in the header it reads keys from', async (t) => {
  // A proxy hears what would have gone to Azure.
  const proxy = await startModelServer(t, { replies: [hello] })
  const proxies = { HTTP_PROXY: new URL(proxy.url).origin }
  const { outcome } = await askOf(t, [hello], {
    config: { baseUrl: 'http://me.openai.azure.com/openai/v1', apiKey: 'k', proxies },
  })
  t.equal(answerOf(t, outcome).content, 'Hello')
  t.equal(proxy.asked[0]?.path, 'http://me.openai.azure.com/openai/v1/chat/completions')
  t.match(proxy.asked[0]?.headers, { 'api-key': 'k', authorization: undefined })

  const headerOf = (address: string): string => toServerAddress(new URL(address)).keyHeader
  t.equal(headerOf('https://me.openai.azure.com/openai/v1'), 'api-key')
  t.equal(headerOf('https://me.cognitiveservices.azure.com/openai/deployments/x?api-version=1'), 'api-key')
  t.equal(headerOf('https://api.openai.com/v1'), 'authorization')
  t.equal(headerOf('https://openai.azure.com.evil.example/v1'), 'authorization')
  t.same(toServerAddress(new URL('https://me.openai.azure.com/openai/v1/?api-version=preview')), {
    baseUrl: 'https://me.openai.azure.com/openai/v1',
    query: { 'api-version': 'preview' },
    keyHeader: 'api-key',
  })
})

const usage = { inputTokens: 1_000_000, outputTokens: 100_000, cachedTokens: 800_000, reasoningTokens: 0 }

test('a price is dollars a million tokens; of several the longest name that fits counts', (t) => {
  const prices = parsePrices('gpt-5=1.25/0.125/10, gpt-5-mini=0.25/0.025/2,claude=3/15')
  t.equal(costMicrosOf(prices, 'gpt-5.5', usage), 250_000 + 100_000 + 1_000_000)
  t.equal(costMicrosOf(prices, 'gpt-5-mini', usage), 50_000 + 20_000 + 200_000)
  t.equal(costMicrosOf(prices, 'claude-x', usage), 3_000_000 + 1_500_000, 'no price of the cache: like the rest')
  t.equal(costMicrosOf(prices, 'llama', usage), undefined)
  t.equal(costMicrosOf(parsePrices('1/0/0'), 'llama', usage), 200_000)
  t.same(parsePrices(''), [])
  for (const wrong of ['1', '1/2/3/4', 'a/b', 'gpt=-1/2', '1//2', 'NaN/1'])
    t.throws(() => parsePrices(wrong), { code: 'config.invalid', message: /IN\/CACHED\/OUT/ }, wrong)
  t.end()
})

test('no usage costs less than nothing, and more of it never costs less', (t) => {
  const tokens = fc.nat(10_000_000)
  fc.assert(
    fc.property(tokens, tokens, tokens, tokens, (inputTokens, outputTokens, cachedTokens, more) => {
      const prices = parsePrices('1.25/0.125/10')
      const of = (input: number, output: number) =>
        costMicrosOf(prices, 'm', { inputTokens: input, outputTokens: output, cachedTokens, reasoningTokens: 0 }) ?? NaN
      const cost = of(inputTokens, outputTokens)
      return cost >= 0 && Number.isInteger(cost) && of(inputTokens + more, outputTokens + more) >= cost
    }),
  )
  t.end()
})
