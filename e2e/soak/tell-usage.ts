// Loaded into a process that is watched, before anything else: over the channel to whoever started it, it tells what it holds once its garbage is gone.
process.on('message', () => {
  globalThis.gc?.()
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage()
  process.send?.({ rss, heapUsed, external, arrayBuffers, resources: process.getActiveResourcesInfo() })
})
// What a listener on the channel would keep alive is not to be kept alive by us.
process.channel?.unref()

const leakEveryMs = Number(process.env['CODEGEN_TEST_LEAK_MS'] ?? 0)
if (leakEveryMs > 0) {
  // A leak on purpose, for whoever wants to see the verdict fail.
  const held: unknown[] = []
  setInterval(() => held.push(Array.from({ length: 20_000 }, () => held.length)), leakEveryMs).unref()
}
