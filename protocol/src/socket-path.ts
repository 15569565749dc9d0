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
