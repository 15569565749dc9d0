// Loaded into each test process: tap's tracker would load itself into every Node process a test starts, which costs 50 ms a start, puts handlers on
// their signals and variables into their environments. What we test is started as users start it.
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
createRequire(require.resolve('@tapjs/processinfo'))('process-on-spawn').removeAllListeners()
for (const name of Object.keys(process.env)) {
  if (name === 'NODE_OPTIONS' || name.startsWith('_TAPJS_')) delete process.env[name]
}
