import type { Call, Result } from '#local/call'

/** `plugins/list` */
export async function listPlugins({
  daemon,
  parameters: { cwd },
}: Call<'plugins/list'>): Promise<Result<'plugins/list'>> {
  const untrusted = cwd === undefined ? undefined : await daemon.plugins.untrusted(cwd)
  return { plugins: daemon.plugins.list(), ...(untrusted === undefined ? {} : { untrusted }) }
}
