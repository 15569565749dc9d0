// The least an agent can be: one file of plain Node that asks, runs `sh -c`, and asks again. No daemon, no memory on disk, no safety.
import { spawn } from 'node:child_process'
import http from 'node:http'

const url = new URL(`${process.env.OPENAI_BASE_URL}/chat/completions`)
const agent = new http.Agent({ keepAlive: true })
const parameters = { type: 'object', properties: { command: { type: 'string' } }, required: ['command'] }
const tools = [{ type: 'function', function: { name: 'Shell', description: 'Run a command.', parameters } }]
const messages = [{ role: 'user', content: process.argv[2] }]

function ask() {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { agent, method: 'POST', headers: { 'content-type': 'application/json' } })
    request.on('error', reject).on('response', (response) => {
      const answer = { role: 'assistant', content: '' }
      let rest = ''
      response.setEncoding('utf8').on('data', (chunk) => {
        const lines = (rest + chunk).split('\n')
        rest = lines.pop()
        for (const line of lines) if (line.startsWith('data: {')) take(answer, JSON.parse(line.slice(6)))
      })
      response.on('end', () => resolve(answer)).on('error', reject)
    })
    request.end(JSON.stringify({ model: 'scripted', stream: true, messages, tools }))
  })
}

function take(answer, { choices: [choice] }) {
  const { content, tool_calls: pieces = [] } = choice?.delta ?? {}
  if (content) process.stdout.write(content)
  if (content) answer.content += content
  for (const { index, id, function: piece } of pieces) {
    answer.tool_calls ??= []
    answer.tool_calls[index] ??= { id, type: 'function', function: { name: piece.name, arguments: '' } }
    answer.tool_calls[index].function.arguments += piece.arguments
  }
}

function run({ id, function: call }) {
  return new Promise((resolve) => {
    const child = spawn('sh', ['-c', JSON.parse(call.arguments).command], { stdio: ['ignore', 'pipe', 'pipe'] })
    let content = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (content += chunk))
    child.on('close', () => resolve({ role: 'tool', tool_call_id: id, content }))
  })
}

for (;;) {
  const answer = await ask()
  messages.push(answer)
  if (!answer.tool_calls) break
  for (const call of answer.tool_calls) messages.push(await run(call))
}
agent.destroy()
