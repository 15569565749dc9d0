export { definePlugin, defineTool } from './define-tool.ts'
export type { Plugin, Tool } from './define-tool.ts'
export type {
  Ask,
  Clipboard,
  Fetch,
  FetchOptions,
  FetchResult,
  FileContent,
  FileEntry,
  FileListing,
  Files,
  FileStat,
  OutputStream,
  Spawn,
  SpawnOptions,
  SpawnResult,
  ToolContext,
  ToolReturn,
} from './context.ts'
