import { basename } from 'node:path'
import { Failure } from '@codegen/protocol/failure'

/** A module's native code would run past Node's permission model. Fails with plugin.refused, naming the file. What a package wants to have run when it is installed is never run. */
export function refuseNativeCode(files: readonly string[]): void {
  const native = files.find((file) => /\.node$/i.test(file) || basename(file) === 'binding.gyp')
  if (native === undefined) return
  throw new Failure(
    'plugin.refused',
    `The plugin is not loaded: ${native} is native code, or builds some, and no module may bring any. Leave it out.`,
  )
}
