import { addPlugin } from './add-plugin.ts'
import { devPlugin } from './dev-plugin.ts'
import { readLock } from './lock-file.ts'
import { newPlugin } from './new-plugin.ts'
import { removePlugin } from './remove-plugin.ts'
import { showPluginLog } from './show-plugin-log.ts'

/** All that writing and fetching plugins takes, in a bundle of its own: no other command carries any of it. */
export const author = { addPlugin, devPlugin, newPlugin, readLock, removePlugin, showPluginLog }
