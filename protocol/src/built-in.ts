import { ApplyPatch } from '#built-in/apply-patch'
import { Clipboard } from '#built-in/clipboard'
import { Edit } from '#built-in/edit'
import { GetWorkingDirectory } from '#built-in/get-working-directory'
import { Glob } from '#built-in/glob'
import { Grep } from '#built-in/grep'
import { ReadFile } from '#built-in/read-file'
import { ReadFolder } from '#built-in/read-folder'
import { Shell } from '#built-in/shell'
import { WebFetch } from '#built-in/web-fetch'
import { WriteFile } from '#built-in/write-file'

export {
  ApplyPatch,
  Clipboard,
  Edit,
  GetWorkingDirectory,
  Glob,
  Grep,
  ReadFile,
  ReadFolder,
  Shell,
  WebFetch,
  WriteFile,
}
export type { BuiltInTool } from '#built-in/built-in-tool'
export type { ApplyPatchParameters } from '#built-in/apply-patch'
export type { ClipboardParameters } from '#built-in/clipboard'
export type { EditParameters } from '#built-in/edit'
export type { GlobParameters } from '#built-in/glob'
export type { GrepParameters } from '#built-in/grep'
export type { ReadFileParameters } from '#built-in/read-file'
export type { ReadFolderParameters } from '#built-in/read-folder'
export type { ShellParameters } from '#built-in/shell'
export type { WebFetchParameters } from '#built-in/web-fetch'
export type { WriteFileParameters } from '#built-in/write-file'

/** Every built-in, in the order a model sees them. */
export const builtInTools = [
  Shell,
  ReadFile,
  WriteFile,
  Edit,
  ApplyPatch,
  ReadFolder,
  Glob,
  Grep,
  WebFetch,
  Clipboard,
  GetWorkingDirectory,
] as const
