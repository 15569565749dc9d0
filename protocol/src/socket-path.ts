import { Failure } from './failure.ts'
import { limits } from './limits.ts'

/**
 * Where codegend listens: CODEGEN_SOCKET, else below CODEGEN_HOME when that is set, else below XDG_RUNTIME_DIR, else below `~/.codegen`. Both ends
 * ask here, so they cannot disagree. `isDefault` says that the folder is CodeGen's own.
 */
export function findSocketPath(
  environment: Readonly<Record<string, string | undefined>>,
  homeFolder: string,
): { path: string; isDefault: boolean } {
  const { CODEGEN_SOCKET, CODEGEN_HOME, XDG_RUNTIME_DIR } = environment
  if (CODEGEN_SOCKET) return { path: CODEGEN_SOCKET, isDefault: false }
  if (CODEGEN_HOME) return { path: `${CODEGEN_HOME}/run/codegend.sock`, isDefault: true }
  if (XDG_RUNTIME_DIR) return { path: `${XDG_RUNTIME_DIR}/codegen/codegend.sock`, isDefault: true }
  return { path: `${homeFolder}/.codegen/run/codegend.sock`, isDefault: true }
}

/** Fails with config.invalid where an absolute path is longer than the system takes for a socket. */
export function checkSocketPath(path: string, platform: string): void {
  const bytes = new TextEncoder().encode(path).length
  const bytesMax = platform === 'linux' ? limits.socketPathBytesMax : limits.socketPathBytesMaxBsd
  if (bytes <= bytesMax) return
  const shown = path.length > 60 ? `${path.slice(0, 40)}...` : path
  throw new Failure(
    'config.invalid',
    `The socket path ${shown} is ${bytes} bytes long and a socket's may be ${bytesMax}; set CODEGEN_SOCKET to a shorter one.`,
  )
}
