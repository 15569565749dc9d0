import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'tap'
import { answerOf, never, open, body } from './test-model-client.ts'
import { finish, startModelServer, toEvent } from './test-model-server.ts'
import type { Reply } from './test-model-server.ts'

const pieces = 800
const words = Array.from({ length: pieces }, (_, index) => `w${index} `)

/** Writes piece by piece, a quarter of a millisecond apart, each in a packet of its own. */
const fast: Reply = (response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const write = async (): Promise<void> => {
    const start = performance.now()
    for (const [index, word] of words.entries()) {
      while (performance.now() < start + index / 4) await turn()
      response.write(toEvent({ content: word }))
    }
    response.end(`${toEvent(finish('stop'))}data: [DONE]\n\n`)
  }
  write().catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined))
}

test('a fast answer is read in few pieces, whole and in order, and leaves its connection to the next', async (t) => {
  const server = await startModelServer(t, { replies: [fast] })
  const client = open(t, { baseUrl: server.url, apiKey: 'k' })
  for (let round = 1; round <= 2; round++) {
    let turns = 0
    let counted = false
    const heard: string[] = []
    const onText = (text: string): void => {
      heard.push(text)
      if (counted) return
      counted = true
      turns += 1
      setImmediate(() => (counted = false))
    }
    const outcome = await client.ask({ dialect: 'chat', body, onText, onReasoning() {}, onRestart() {} }, never)
    t.equal(answerOf(t, outcome).content, words.join(''))
    t.equal(heard.join(''), words.join(''))
    t.ok(turns < pieces / 2, `${turns} reads for ${pieces} pieces`)
  }
  t.equal(server.socketsOpened(), 1)
})

test('an answer whose every piece waits for the one before to be read is not held up', async (t) => {
  const server = await startModelServer(t, {
    replies: [
      (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        send = () => {
          const word = words[sent]
          sent += 1
          if (word !== undefined) response.write(toEvent({ content: word }))
          else response.end(`${toEvent(finish('stop'))}data: [DONE]\n\n`)
        }
        send()
      },
    ],
  })
  let sent = 0
  let send = (): void => undefined
  const client = open(t, { baseUrl: server.url, apiKey: 'k' })
  const outcome = await client.ask(
    { dialect: 'chat', body, onText: () => send(), onReasoning() {}, onRestart() {} },
    never,
  )
  t.equal(answerOf(t, outcome).content, words.join(''))
})
