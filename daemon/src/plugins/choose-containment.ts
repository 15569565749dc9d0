import { Failure } from '@codegen/protocol/failure'
import type { Containment, Manifest } from '#plugin-process/manifest'
import type { SandboxLook } from '#sandbox/means'

/** What is to hold a plugin: the most there is, or the sandbox that its owner asked for. */
export function chooseContainment(
  { made }: Pick<Manifest, 'made'>,
  sandbox: SandboxLook,
  requireSandbox: boolean,
): Containment {
  if (sandbox.kind === 'works' || requireSandbox) return 'sandbox'
  return made.kind === 'module' ? 'permissions' : 'none'
}

/** Fails with plugin.refused where there is none to hold what one was asked for. */
export function refuseWithoutSandbox(containment: Containment, sandbox: SandboxLook): void {
  if (containment !== 'sandbox' || sandbox.kind === 'works') return
  throw new Failure(
    'plugin.refused',
    `The plugin is not loaded: config.json has "requirePluginSandbox", and there is no sandbox: ${sandbox.reason}. Mend that and start codegend anew, or take the key out.`,
  )
}
