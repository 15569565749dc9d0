export { toBytes, toCount, toDigits } from './counts.ts'
export { definePlugin, defineTool } from './define-tool.ts'
export type { CallTouches, Plugin, Tool, ToolPreview } from './define-tool.ts'
export type { AfterAnswer, BeforeAnswer, HookedCall, HookedResult, Hooks } from './hooks.ts'
export { compareWithLastSeen } from './last-seen.ts'
export { limits } from './limits.ts'
export { lineEndsOf, linesOf, withLineEnds, withPlainLineEnds } from './line-ends.ts'
export type { LineEnds } from './line-ends.ts'
export { nearestPlaceInWords } from './nearest-place.ts'
export { isSameName, nearPaths } from './near-names.ts'
export { shownPath } from './shown-path.ts'
export { decodeText, encodeText, encodingInWords, plainUtf8 } from './text.ts'
export type { DecodedText, TextEncoding } from './text.ts'
export { binaryFile, encodeLike, readTextFile } from './text-file.ts'
export type { TextFile } from './text-file.ts'
export { unifiedDiff } from './unified-diff.ts'
export type { Diff, DiffBounds } from './unified-diff.ts'
export type {
  Ask,
  Clipboard,
  Fetch,
  FetchOptions,
  FetchResult,
  FileContent,
  FileEntry,
  FileHead,
  FileListing,
  Files,
  FileStat,
  FoundFile,
  FoundLine,
  FoundLines,
  FoundPaths,
  LineSearch,
  Markdown,
  OutputStream,
  Search,
  Spawn,
  SpawnOptions,
  SpawnResult,
  ToMarkdown,
  ToolContext,
  ToolReturn,
} from './context.ts'
