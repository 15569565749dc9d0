import type { ListedPlugin } from './listed-plugin.ts'
import { toMissingGuard } from './listed-plugin.ts'
import type { PluginConsent } from './plugin-consent.ts'
import type { PluginSet } from './plugin-set.ts'

/** Plugins that guard calls and are not there, as they are listed. */
export function missingGuards(set: Pick<PluginSet, 'all'>, consent: Pick<PluginConsent, 'guards'>): ListedPlugin[] {
  const isThere = (name: string, project: string | undefined): boolean =>
    set.all().some(({ manifest, root }) => manifest?.name === name && root.project === project)
  return consent.guards().flatMap((guard) => (isThere(guard.name, guard.project) ? [] : [toMissingGuard(guard)]))
}
