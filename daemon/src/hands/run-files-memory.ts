import { limits } from '#limits'

/** What one run last saw of each file: its digest by real path. */
export type RunFilesMemory = {
  digestOf(path: string): string | undefined
  saw(path: string, digest: string): void
}

/** Makes the memory of one run, kept as long as the run is. Beyond its bound it forgets what was seen longest ago, as if never read. */
export function createRunFilesMemory(): RunFilesMemory {
  const digests = new Map<string, string>()
  return {
    digestOf: (path) => digests.get(path),
    saw(path, digest) {
      digests.delete(path)
      digests.set(path, digest)
      if (digests.size <= limits.filesRememberedMax) return
      for (const oldest of digests.keys()) {
        digests.delete(oldest)
        break
      }
    },
  }
}
