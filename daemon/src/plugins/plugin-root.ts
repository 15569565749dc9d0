/** A folder in which plugins lie. */
export type PluginRoot = {
  readonly folder: string
  /** Present where other packages lie there as well: these are not looked at, and of the rest what does not say it is a plugin is passed over. */
  readonly except?: ReadonlySet<string>
}

/** A folder that may hold a plugin, and where it lies. */
export type PluginPlace = { readonly root: PluginRoot; readonly folder: string }
