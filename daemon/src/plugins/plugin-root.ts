import { isInside } from '#is-inside'

/** A folder in which plugins lie. */
export type PluginRoot = {
  readonly folder: string
  /** Real path of the project they come with; their tools are for runs in it alone. */
  readonly project?: string
  /** Present where other packages lie there as well: these are not looked at, and of the rest what does not say it is a plugin is passed over. */
  readonly except?: ReadonlySet<string>
}

/** A folder that may hold a plugin, and where it lies. */
export type PluginPlace = { readonly root: PluginRoot; readonly folder: string }

/** Whether what is offered in `project` is there for whoever works in `path`; without a project it is for everybody. Real paths. */
export function isOfferedIn(project: string | undefined, path: string): boolean {
  return project === undefined || isInside(project, path)
}

/** Whether somebody may have what lies in both. */
export function doRootsMeet({ project: one }: PluginRoot, { project: other }: PluginRoot): boolean {
  if (one === undefined || other === undefined) return true
  return isOfferedIn(one, other) || isOfferedIn(other, one)
}
