import { findMeans } from '#sandbox/means'

/** What runs in a sandbox here and what does not. */
export async function describeSandbox(path: string | undefined): Promise<string> {
  const { sandbox } = await findMeans(path)
  const commands = 'commands are not run in a sandbox yet, so one you allow runs as you'
  if (sandbox.kind === 'works') return `${sandbox.version} works and every plugin runs in it; ${commands}`
  return `${sandbox.reason}, so Node's permission model alone holds plugins, and nothing those in other languages; ${commands}`
}
