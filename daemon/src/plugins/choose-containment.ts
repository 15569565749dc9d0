import { Failure } from '@codegen/protocol/failure'
import type { Containment, Manifest } from '#plugin-process/manifest'
import { findMeans } from '#sandbox/means'
import type { Means } from '#sandbox/means'
import { refuseNativeCode } from './refuse-native-code.ts'

/** What holds a plugin on this machine, and what there is to do it with. */
export type Held = { readonly containment: Containment; readonly means: Means }

export type HoldOptions = {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly requireSandbox: boolean
}

/** The most there is to hold a plugin, or the sandbox that its owner asked for. */
export async function findHold({ made }: Manifest, { environment, requireSandbox }: HoldOptions): Promise<Held> {
  const means = await findMeans(environment['PATH'])
  if (means.sandbox.kind === 'works' || requireSandbox) return { means, containment: 'sandbox' }
  return { means, containment: made.kind === 'module' ? 'permissions' : 'none' }
}

/** Fails with plugin.refused where what is to hold a plugin is not there, or could not hold what it brings. */
export function refuseUnheld(held: Held, { made }: Manifest, files: readonly string[]): void {
  refuseWithoutSandbox(held)
  if (made.kind === 'module') refuseNativeCode(files)
}

/** Fails with plugin.refused where a sandbox was asked for and is not there. */
export function refuseWithoutSandbox({ containment, means: { sandbox } }: Held): void {
  if (containment !== 'sandbox' || sandbox.kind === 'works') return
  throw new Failure(
    'plugin.refused',
    `The plugin is not loaded: config.json has "requirePluginSandbox", and there is no sandbox: ${sandbox.reason}. Mend that and start codegend anew, or take the key out.`,
  )
}
