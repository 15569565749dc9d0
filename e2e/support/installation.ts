import { randomUUID } from 'node:crypto'
import type { Test } from 'tap'
import { connectExecutor } from './executor.ts'
import type { Frame, TestExecutor } from './executor.ts'
import type { MaestroProcess } from './maestro.ts'

type Payload = Frame['payload']

/** One installation: what stays the same whichever replica it dials. */
export type Installation = { readonly id: string; journal: string; epoch: number | undefined }

export function install(): Installation {
  return { id: randomUUID(), journal: randomUUID(), epoch: undefined }
}

/** Dials a replica and is welcomed; the installation remembers its epoch. */
export async function dial(t: Test, maestro: MaestroProcess, installation: Installation, more: object = {}) {
  const executor = await connectExecutor(t, maestro)
  executor.send('handshake', { ...toHandshake(installation), ...more })
  const welcome = await executor.receive('welcome')
  installation.epoch = Number(welcome['epoch'])
  return { ...executor, welcome }
}

export function toHandshake({ id, journal, epoch }: Installation): object {
  const named = epoch === undefined ? {} : { epoch }
  return {
    client_type: 'test',
    initial_prompt: '',
    known_tools: ['Shell', 'ReadFile', 'ReadFolder', 'GetWorkingDirectory'],
    custom_tools: [],
    project_spec: { content: '', file_paths: [] },
    protocol: { version: 1, features: [] },
    executor: { id, journal_id: journal, ...named, name: 'test', version: '0', os: 'linux', arch: 'x64' },
    open: [],
    limits: { max_message_bytes: 8 * 1024 * 1024, max_parallel_tools: 8 },
  }
}

export async function startRun(executor: TestExecutor, prompt: string): Promise<string> {
  executor.send('start_run', { client_ref: randomUUID(), prompt, cwd: '/work', mode: 'auto' })
  return String((await executor.receive('run_started'))['generation_id'])
}

export async function answerBootstrap(executor: TestExecutor): Promise<void> {
  const calls = [await executor.receive('run_tool')]
  while (calls.length < 4) calls.push(await executor.receive('run_tool'))
  for (const call of calls) answer(executor, call, 'x')
}

export function answer(executor: TestExecutor, call: Payload, result: string): void {
  executor.send('tool_result', { ...keyOf(call), status: 'success', result })
}

export function keyOf({ tool_id, generation_id }: Payload): Payload {
  return { tool_id, generation_id }
}
