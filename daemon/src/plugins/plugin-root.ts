/** A folder in which plugins lie. */
export type PluginRoot = {
  readonly folder: string
  /** Other packages lie there as well, so that what does not say it is a plugin is passed over. */
  readonly isShared?: boolean
}

/** Folders that hold plugins, and where each lies. */
export type PluginPlace = { readonly root: PluginRoot; readonly folder: string }
