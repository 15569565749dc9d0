import { dirname, join } from 'node:path'
import { connectToDaemon } from '@codegen/e2e/demo/daemon-client'
import { toEnvironment } from '@codegen/e2e/demo/environment'
import { listFamily } from '@codegen/e2e/demo/processes'
import { createScratchProject } from '@codegen/e2e/demo/scratch-project'
import { stopDaemon } from '@codegen/e2e/demo/stop-daemon'
import type { Agent } from '#measure-run'
import { startModelProcess } from '#model-process'
import type { ModelProcess } from '#model-process'

/** Where everything is measured: one scratch repository, one model, and the programs that are compared. */
export type BenchPlace = {
  readonly model: ModelProcess
  readonly codegen: Agent
  readonly floor: Agent
  readonly bareNode: Agent
  /** codegend and all it started. */
  listDaemonFamily(): Promise<number[]>
  stopDaemon(): Promise<void>
  remove(): Promise<void>
}

/** Sets up the place. `environment` adds to what codegen is started with; a model that is given stays when the place goes. */
export async function createBenchPlace(environment: NodeJS.ProcessEnv = {}, given?: ModelProcess): Promise<BenchPlace> {
  const project = await createScratchProject()
  const model = given ?? (await startModelProcess(dirname(project.home)))
  const env = { ...toEnvironment(project.home, model.url), ...environment }
  const at = { cwd: project.folder, env }
  const codegen = join(import.meta.dirname, '..', 'cli', 'bin', 'codegen.cjs')
  const leave = async () => {
    const left = await stopDaemon(project.home)
    if (left.length > 0) throw new Error(`codegend left processes behind, which were killed: ${left.join(', ')}`)
  }
  return {
    model,
    codegen: { name: 'codegen', asks: true, parameters: [codegen, '--auto'], ...at },
    floor: { name: 'floor agent', asks: true, parameters: [join(import.meta.dirname, 'floor-agent.mjs')], ...at },
    bareNode: { name: 'node -e 0', asks: false, parameters: ['-e', '0'], ...at },
    async listDaemonFamily() {
      const daemon = await connectToDaemon(project.home)
      if (!daemon) return []
      const { pid } = await daemon.peer.request('daemon/status', {})
      daemon.close()
      return listFamily(pid)
    },
    stopDaemon: leave,
    async remove() {
      try {
        await leave()
      } finally {
        if (!given) await model.stop()
        await project.remove()
      }
    },
  }
}
