import { closeSync, fchmodSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

export type RotatedFile = { write(text: string): void; close(): void }

/** How big one file may become, and how many are kept. */
export type RotationBounds = { readonly bytesMax: number; readonly filesMax: number }

/** A file of mode 0600 that is only ever appended to; before it grows too big it becomes an older one. Never fails after it was opened. */
export function openRotatedFile(path: string, bounds: RotationBounds): RotatedFile {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  let open = openAppending(path)
  let closed = false
  return {
    write(text) {
      if (closed) return
      const bytes = Buffer.byteLength(text)
      if (open.size > 0 && open.size + bytes > bounds.bytesMax) {
        closeSync(open.descriptor)
        rotate(path, bounds)
        open = openAppending(path)
      }
      open.size += bytes
      try {
        writeSync(open.descriptor, text)
      } catch {
        // A full disk must not end the daemon; the log goes on when there is room again.
      }
    },
    close() {
      if (closed) return
      closed = true
      closeSync(open.descriptor)
    },
  }
}

/** The files there may be, newest first; those that are not there yet included. */
export function rotatedFiles(path: string, { filesMax }: RotationBounds): string[] {
  return Array.from({ length: filesMax }, (_, index) => (index === 0 ? path : `${path}.${index}`))
}

function openAppending(path: string): { descriptor: number; size: number } {
  const descriptor = openSync(path, 'a', 0o600)
  fchmodSync(descriptor, 0o600)
  return { descriptor, size: fstatSync(descriptor).size }
}

function rotate(path: string, bounds: RotationBounds): void {
  const files = rotatedFiles(path, bounds)
  for (let index = files.length - 1; index > 0; index -= 1) {
    try {
      renameSync(files[index - 1] ?? path, files[index] ?? path)
    } catch {
      // There is no such file yet.
    }
  }
}
