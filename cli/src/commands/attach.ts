import type { Shown } from '#arguments'
import type { ExitCode } from '#exit-code'
import type { Terminal } from '#render/terminal'
import { watchRun } from '#watch-run'

/** `codegen attach ID`: shows a run from its beginning and goes on with it, as if it had been started here. */
export function attach({ id, ...shown }: Shown & { id: string }, terminal: Terminal): Promise<ExitCode> {
  let startedAt: number | undefined
  return watchRun({
    ...shown,
    terminal,
    answersQuestions: true,
    elapsedMs: () => (startedAt === undefined ? undefined : Date.now() - startedAt),
    async begin(client) {
      const { generation_id, created_at } = await client.getRun(id)
      startedAt = Date.parse(created_at) || undefined
      await client.attachRun({ generation_id })
      return generation_id
    },
  })
}
