// A model for agents we know little of: it takes any request of OpenAI's two APIs and answers with so many calls of the agent's own shell tool, then with a text.
import { createWriteStream } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { json, text } from 'node:stream/consumers'
import { zstdDecompressSync } from 'node:zlib'
import { sendChat, sendResponse } from '#peer-answers'
import type { PeerAnswer } from '#peer-answers'
import { findShell, toShellArguments } from '#peer-tools'

type Script = { turns: number; words: number }

const log = createWriteStream(process.argv[2] ?? '/dev/null')
let script: Script = { turns: 0, words: 12 }
let number = 0
let turn = 0

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined))
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address !== null && typeof address === 'object') console.log(`http://127.0.0.1:${address.port}/v1`)
})
process.once('SIGTERM', () => process.exit(0))

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const arrivedAt = performance.timeOrigin + performance.now()
  const path = (request.url ?? '').split('?')[0] ?? ''
  if (path === '/script') {
    script = toScript(await json(request))
    turn = 0
    response.end()
    return
  }
  const send = path.endsWith('/chat/completions') ? sendChat : path.endsWith('/responses') ? sendResponse : undefined
  if (request.method !== 'POST' || !send) {
    response.writeHead(path.endsWith('/models') ? 200 : 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ object: 'list', data: [{ id: 'scripted', object: 'model' }] }))
    return
  }
  const body = await readBody(request)
  const note = { number: (number += 1), bytes: Buffer.byteLength(body) }
  const parsed: unknown = JSON.parse(body)
  const next = nextAnswer(parsed, body)
  log.write(
    `${JSON.stringify({ event: 'request', ...note, arrivedAt, isMain: next.isMain, sawResult: next.sawResult })}\n`,
  )
  response.once('finish', () => {
    const endedAt = performance.timeOrigin + performance.now()
    log.write(`${JSON.stringify({ event: 'answer', ...note, endedAt, ending: 'sent' })}\n`)
  })
  send(response, parsed, next.answer)
}

function toScript(value: unknown): Script {
  const { turns, words } = Object(value)
  return { turns: Number(turns), words: Number(words) }
}

async function readBody(request: IncomingMessage): Promise<string> {
  if (request.headers['content-encoding'] !== 'zstd') return text(request)
  const chunks: Uint8Array[] = []
  for await (const chunk of request) chunks.push(chunk)
  return zstdDecompressSync(Buffer.concat(chunks)).toString('utf8')
}

/** Requests without a shell tool are for titles and the like: they get a word and do not count. */
function nextAnswer(parsed: unknown, body: string): { answer: PeerAnswer; isMain: boolean; sawResult: boolean } {
  const shell = findShell(parsed)
  if (!shell) return { answer: { kind: 'text', words: ['Title'] }, isMain: false, sawResult: true }
  turn += 1
  // What a command prints is nowhere in the command, so this sees whether the result of the last one came back.
  const sawResult = turn === 1 || turn > script.turns + 1 || body.includes(`t${7000 + turn - 1}`)
  const command = `printf %s%s t ${7000 + turn}`
  const answer: PeerAnswer =
    turn <= script.turns
      ? { kind: 'call', id: `call_${number}`, tool: shell, arguments: JSON.stringify(toShellArguments(shell, command)) }
      : { kind: 'text', words: Array.from({ length: script.words }, () => 'word ') }
  return { answer, isMain: true, sawResult }
}
