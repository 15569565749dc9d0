// Loaded into a process that is watched, before anything else: over the channel to whoever started it, it tells what it holds once its garbage is gone.
process.on('message', () => {
  globalThis.gc?.()
  const { rss, heapUsed, external } = process.memoryUsage()
  process.send?.({ rss, heapUsed, external, resources: process.getActiveResourcesInfo() })
})
// The listener alone is not to keep the process alive.
process.channel?.unref()
