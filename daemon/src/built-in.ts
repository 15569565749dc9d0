import type { BuiltInPlugin } from '#plugins/host'

/** The plugins that come with codegend, each loaded at first use. */
export const builtInPlugins: readonly BuiltInPlugin[] = [
  { name: 'shell', load: () => import('@codegen/plugin-shell') },
  { name: 'read-file', load: () => import('@codegen/plugin-read-file') },
  { name: 'write-file', load: () => import('@codegen/plugin-write-file') },
  { name: 'edit', load: () => import('@codegen/plugin-edit') },
  { name: 'apply-patch', load: () => import('@codegen/plugin-apply-patch') },
  { name: 'read-folder', load: () => import('@codegen/plugin-read-folder') },
  { name: 'glob', load: () => import('@codegen/plugin-glob') },
  { name: 'grep', load: () => import('@codegen/plugin-grep') },
  { name: 'web-fetch', load: () => import('@codegen/plugin-web-fetch') },
  { name: 'clipboard', load: () => import('@codegen/plugin-clipboard') },
  { name: 'get-working-directory', load: () => import('@codegen/plugin-get-working-directory') },
]
